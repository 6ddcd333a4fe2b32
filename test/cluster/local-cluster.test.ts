/** `dfs cluster`: a cluster on one machine, started and stopped as a user does it. The tests share one, and take turns. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import type { ClusterStatus } from '../../client/cluster/local-cluster.js';
import { isFree } from '../../client/cluster/ports.js';
import { fakeFileSystem, type Result, runCli } from '../client/cli/run-cli.js';
import { resultOf, sharedCluster, waitFor } from './harness.js';

const cluster = sharedCluster(test, { datanodes: 2 });

/** A command about the cluster, in this process. */
async function run(verb: string, ...args: string[]): Promise<Result> {
  return await runCli(fakeFileSystem(), ['cluster', verb, '--dir', cluster().directory, ...args]);
}

async function status(): Promise<ClusterStatus> {
  return JSON.parse((await run('status', '--json')).stdout) as ClusterStatus;
}

async function isAnythingRunning(): Promise<boolean> {
  const { namenode, datanodes } = await status();
  return namenode.alive || datanodes.some(({ alive }) => alive);
}

/** Starts what is not running. */
async function ensureRunning(): Promise<void> {
  if (!(await status()).namenode.alive) await run('start', '--detach');
  for (const [i, { alive }] of (await status()).datanodes.entries()) {
    if (!alive) await run('start-datanode', String(i + 1));
  }
}

async function readHello(): Promise<string> {
  const reader = await (await cluster().sdk()).open('/hello');
  try {
    return (await reader.read(0, reader.length)).toString();
  } finally {
    await reader.close();
  }
}

test.serial(
  'start-datanode → returns when the DataNode works, though the NameNode may not have missed it',
  async (t) => {
    for (let i = 0; i < 3; i++) {
      await run('stop-datanode', '1');
      t.is((await run('start-datanode', '1')).code, 0);
      t.false(await isFree(Number(cluster().address(1).split(':')[1])));
    }
  },
);

test.serial('status --json → every process with its pid, addresses, rack and directory', async (t) => {
  const [host, port] = cluster().namenode.split(':');
  t.deepEqual(await status(), {
    namenode: {
      pid: await cluster().pid('namenode'),
      rpc: cluster().namenode,
      http: `${host}:${Number(port) + 1}`,
      alive: true,
    },
    datanodes: await Promise.all(
      [1, 2].map(async (index) => ({
        pid: await cluster().pid(index),
        address: cluster().address(index),
        rack: `/rack${index}`,
        dataDir: join(cluster().directory, `datanode-${index}`),
        alive: true,
      })),
    ),
  });
  const { stdout } = await run('status');
  t.regex(
    stdout,
    /^NameNode {4}running {2}pid \d+ +127\.0\.0\.1:\d+ +http:\/\/127\.0\.0\.1:\d+\nDataNode 1 {2}running {2}pid \d+ /,
  );
});

test.serial('every process has a log of its own, one JSON object a line', (t) => {
  for (const node of ['namenode', 1, 2] as const) {
    const lines = readFileSync(cluster().logFile(node), 'utf8').trim().split('\n');
    t.true(lines.length > 0);
    for (const line of lines.filter((text) => !text.startsWith('Formatted ')))
      t.notThrows(() => JSON.parse(line), line);
  }
});

test.serial('start of a running cluster → says so', async (t) => {
  const { code, stderr } = await run('start', '--detach');
  t.is(code, 1);
  t.regex(
    stderr,
    /is running already: NameNode at 127\.0\.0\.1:\d+ \(pid \d+\)\. Stop it with `dfs cluster stop`\.\n$/,
  );
});

test.serial('stop in order, then start → everything is back', async (t) => {
  const writer = await (await cluster().sdk()).create('/hello');
  await writer.write(Buffer.from('hello'));
  await writer.close();
  const { stdout } = await run('stop');
  t.deepEqual(stdout.split('\n').sort(), ['', 'DataNode 1 stopped.', 'DataNode 2 stopped.', 'NameNode stopped.']);
  t.true(stdout.endsWith('NameNode stopped.\n'));
  t.regex((await run('stop')).stdout, /^No process of the cluster in .* was running\.\n$/);
  t.like(await status(), { namenode: { alive: false, pid: null } });
  t.is((await run('start', '--detach')).code, 0);
  t.is(await readHello(), 'hello');
});

test.serial('kill -9 of everything, then start → nothing that was written is lost', async (t) => {
  for (const node of ['namenode', 1, 2] as const) await cluster().kill9(node);
  t.is((await run('start', '--detach')).code, 0);
  t.is(await readHello(), 'hello');
});

test.serial('a killed NameNode is started alone; the DataNodes go on', async (t) => {
  const pids = await Promise.all([cluster().pid(1), cluster().pid(2)]);
  await cluster().kill9('namenode');
  const moved = await run('start', '--detach', '--base-port', '17000');
  t.regex(moved.stderr, /are still running, with other ports or settings\. Stop them first/);
  const { code, stdout } = await run('start', '--detach');
  t.is(code, 0);
  t.regex(stdout, /\nNameNode +pid /);
  t.notRegex(stdout, /\nDataNode /);
  t.deepEqual(await Promise.all([cluster().pid(1), cluster().pid(2)]), pids);
  t.is(await readHello(), 'hello');
});

test.serial('a DataNode is named by its number, its address or its last pid', async (t) => {
  const pid = await cluster().pid(1);
  t.is((await run('stop-datanode', '1')).stdout, 'DataNode 1 stopped.\n');
  t.is((await run('stop-datanode', '1')).stdout, 'DataNode 1 was not running.\n');
  t.is((await run('stop-datanode', cluster().address(2))).stdout, 'DataNode 2 stopped.\n');
  t.regex((await run('start', '--detach')).stderr, /DataNode 1 and 2 is not running: start it with/);
  t.regex((await run('start-datanode', '2')).stdout, /^DataNode 2 /);
  t.regex((await run('start-datanode', '2')).stderr, /DataNode 2 is running already \(pid \d+\)/);
  t.regex(
    (await run('start-datanode', String(pid))).stderr,
    /There is no DataNode \d+ in this cluster: use its number \(1, 2\)/,
  );
  await run('start-datanode', '1');
  await cluster().kill9(1);
  const killed = (await status()).datanodes[0]?.pid;
  t.regex((await run('start-datanode', String(killed))).stdout, /^DataNode 1 /);
});

test.serial('start-datanode → the one that is not running, else a new one on the next rack', async (t) => {
  await ensureRunning();
  await run('stop-datanode', '2');
  t.regex((await run('start-datanode')).stdout, /^DataNode 2 /);
  t.regex((await run('start-datanode')).stdout, /^DataNode 3 /);
  t.regex((await run('start-datanode', '--rack', '/dc2/r1')).stdout, /^DataNode 4 /);
  t.deepEqual(
    (await status()).datanodes.map(({ rack, alive }) => [rack, alive]),
    [
      ['/rack1', true],
      ['/rack2', true],
      ['/rack1', true],
      ['/dc2/r1', true],
    ],
  );
  const reports = await (await cluster().sdk()).datanodeReport();
  t.is(reports.filter(({ state }) => state === 'live').length, 4);
  t.regex((await run('start-datanode', '--rack', 'r1')).stderr, /'r1' is not a rack/);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test.serial(`in the foreground: three commands to try, and ${signal} stops everything in order`, async (t) => {
    await run('stop');
    const child = cluster().spawnDfs(['cluster', 'start', '--dir', cluster().directory]);
    const result = resultOf(child);
    let printed = '';
    child.stdout?.on('data', (bytes: Buffer) => {
      printed += bytes.toString();
    });
    await waitFor(() => printed.includes('Ctrl-C stops it.'), 'the cluster to be up');
    t.regex(printed, new RegExp(`\n  DFS_NAMENODE=${cluster().namenode} npx dfs put `));
    child.kill(signal);
    child.kill(signal); // as npm does, which passes the terminal's signal on
    const { code, stdout, stderr } = await result;
    t.is(code, 0);
    t.is(stderr, '');
    t.regex(stdout, /\nStopping …\n(DataNode \d stopped\.\n){4}NameNode stopped\.\n$/);
    t.false(await isAnythingRunning());
  });
}

test.serial('in the foreground: a process that ends is told about, and the others go on', async (t) => {
  await run('stop');
  const child = cluster().spawnDfs(['cluster', 'start', '--dir', cluster().directory]);
  const result = resultOf(child);
  const printed = { out: '', err: '' };
  child.stdout?.on('data', (bytes: Buffer) => {
    printed.out += bytes.toString();
  });
  child.stderr?.on('data', (bytes: Buffer) => {
    printed.err += bytes.toString();
  });
  await waitFor(() => printed.out.includes('Ctrl-C stops it.'), 'the cluster to be up');
  const pid = await cluster().pid(1);
  process.kill(pid, 'SIGKILL');
  await waitFor(() => printed.err.endsWith('.log\n'), 'the end to be told about');
  t.is(printed.err, `DataNode 1 (pid ${pid}) has ended by SIGKILL. Its log: ${cluster().logFile(1)}\n`);
  t.true((await status()).namenode.alive);
  await run('stop');
  t.is((await result).code, 0);
});

test.serial('a port in use is named, with who wants it', async (t) => {
  await run('stop');
  const port = Number(cluster().address(1).split(':')[1]);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { code, stderr } = await run('start', '--detach');
  t.is(code, 1);
  t.regex(
    stderr,
    new RegExp(
      `^cluster start: Port ${port} on 127\\.0\\.0\\.1, which DataNode 1 needs \\(data\\), is in use by another`,
    ),
  );
  t.regex(stderr, /--base-port/);
  t.false(await isAnythingRunning());
});

test.serial('a process that cannot start → the end of its log, and nothing is left running', async (t) => {
  await run('stop');
  const data = cluster().dataDirectory(1);
  renameSync(data, `${data}.aside`);
  writeFileSync(data, 'not a directory');
  const { code, stderr } = await run('start', '--detach');
  rmSync(data);
  renameSync(`${data}.aside`, data);
  t.is(code, 1);
  t.regex(stderr, /^cluster start: DataNode 1 ended while it was starting\. Its log .*datanode-1\.log ends with:\n/);
  t.false(await isAnythingRunning());
});

test.serial('wrong numbers and settings are refused before anything is started', async (t) => {
  await run('stop');
  const message = async (...args: string[]) => (await run('start', '--detach', ...args)).stderr;
  t.regex(await message('--datanodes', 'many'), /--datanodes takes a whole number from 1 to 1000, not 'many'/);
  t.regex(await message('--base-port', '70000'), /--base-port takes a whole number/);
  t.regex(await message('-D', 'dfs.blocksize=huge'), /dfs\.blocksize is "huge"/);
  t.regex(await message('-D', 'dfs.datanode.rack=/x'), /dfs\.datanode\.rack cannot be given here/);
  t.regex(await message('--racks', '7'), /has 2 racks, which cannot be changed/);
  t.false(await isAnythingRunning());
});

test.serial('no cluster in a directory → says so', async (t) => {
  for (const verb of ['status', 'stop', 'start-datanode']) {
    const { code, stderr } = await runCli(fakeFileSystem(), ['cluster', verb, '--dir', '/nowhere']);
    t.is(code, 1);
    t.regex(stderr, /There is no cluster in \/nowhere\. Start one with `dfs cluster start`/);
  }
});
