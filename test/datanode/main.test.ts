/** The DataNode's process: how it starts, refuses to start, and ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { GrpcServer } from '../../common/rpc/grpc-server.js';
import { FakeNamenode } from './support/fake-namenode.js';
import { quiet } from './support/store-fixture.js';

const SCRIPT = fileURLToPath(new URL('../fixtures/run-datanode.ts', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
  /** Lines of its log. */
  readonly log: readonly Record<string, unknown>[];
}

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves with the line of the log that has this message. */
  logged(message: string): Promise<Record<string, unknown>>;
}

async function startNamenode(t: ExecutionContext): Promise<{ namenode: FakeNamenode; address: string }> {
  const namenode = new FakeNamenode();
  const server = new GrpcServer({ logger: quiet, maxMessageBytes: 64 * 1024 ** 2 });
  server.addService('DatanodeProtocol', namenode.client);
  server.addSessions('DatanodeProtocol', namenode.client);
  const port = await server.listen('127.0.0.1', 0);
  t.teardown(() => server.stop(100));
  return { namenode, address: `127.0.0.1:${port}` };
}

async function temporaryDirectory(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'datanode-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

function start(t: ExecutionContext, namenode: string, directory: string, ...more: string[]): Started {
  const settings = {
    'dfs.datanode.data.dir': directory,
    'dfs.datanode.address': '127.0.0.1:0',
    'dfs.datanode.ipc.address': '127.0.0.1:0',
    'dfs.datanode.http.address': '127.0.0.1:0',
    'dfs.namenode.rpc-address': namenode,
  };
  const given = Object.entries(settings).flatMap(([name, value]) => ['-D', `${name}=${value}`]);
  const child = spawn(process.execPath, ['--import=tsx', SCRIPT, ...given, ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => void child.kill('SIGKILL'));
  let stderr = '';
  let unfinished = '';
  const log: Record<string, unknown>[] = [];
  const listeners = new Set<() => void>();
  child.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes.toString();
  });
  child.stdout.on('data', (bytes: Buffer) => {
    const lines = (unfinished + bytes.toString()).split('\n');
    unfinished = lines.pop() ?? '';
    for (const line of lines) log.push(JSON.parse(line) as Record<string, unknown>);
    for (const listener of listeners) listener();
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code) => resolve({ code, stderr, log }));
  });
  const logged = (message: string): Promise<Record<string, unknown>> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const line = log.find(({ msg }) => msg === message);
        if (line !== undefined) resolve(line);
      };
      listeners.add(look);
      look();
      void ended.then(() => reject(new Error(`ended before "${message}": ${stderr}`)));
    });
  return { child, ended, logged };
}

test('starts, tells its addresses, answers for its health, and ends in order on SIGTERM', async (t) => {
  const { namenode, address } = await startNamenode(t);
  const directory = await temporaryDirectory(t);
  const { child, logged, ended } = start(t, address, directory);
  const ready = await logged('DataNode ready');
  t.regex(String(ready['data']), /^127\.0\.0\.1:\d+$/);
  const health = await fetch(`http://${String(ready['http'])}/health`);
  const { registered } = (await health.json()) as { registered: boolean };
  t.true(registered);
  const metrics = await (await fetch(`http://${String(ready['http'])}/metrics`)).text();
  t.regex(metrics, /dfs_datanode_registered 1/);
  t.regex(metrics, new RegExp(`dfs_datanode_volume_capacity_bytes\\{volume="${directory}"\\} \\d+`));
  t.is((await stat(directory)).mode & 0o777, 0o700);
  child.kill('SIGTERM');
  const { code, log } = await ended;
  t.is(code, 0);
  t.is(log.at(-1)?.['msg'], 'stopped');
  t.is(namenode.countOf('Register'), 1);
});

test('two DataNodes on one directory: the second is told who has it, and the first goes on', async (t) => {
  const { address } = await startNamenode(t);
  const directory = await temporaryDirectory(t);
  const first = start(t, address, directory);
  await first.logged('DataNode ready');
  const { code, stderr } = await start(t, address, directory).ended;
  t.is(code, 1);
  t.is(
    stderr,
    `datanode: ${directory} is in use by another process. Stop process ${first.child.pid}, or use another directory.\n`,
  );
  t.is(first.child.exitCode, null);
});

test('a directory of another cluster: one sentence, exit code 1', async (t) => {
  const { namenode, address } = await startNamenode(t);
  const directory = await temporaryDirectory(t);
  const first = start(t, address, directory);
  await first.logged('DataNode ready');
  first.child.kill('SIGTERM');
  await first.ended;
  namenode.clusterId = 'CID-other';
  const { code, stderr } = await start(t, address, directory).ended;
  t.is(code, 1);
  t.is(stderr, 'datanode: the DataNode belongs to cluster CID-test\n');
});

test('a port in use, a bad setting, a directory that cannot be: each is one sentence, exit code 1', async (t) => {
  const { address } = await startNamenode(t);
  const directory = await temporaryDirectory(t);
  const file = join(directory, 'file');
  await writeFile(file, '');
  const cases: [string[], RegExp][] = [
    [['-D', `dfs.datanode.address=${address}`], /^datanode: port \d+ on 127\.0\.0\.1 is in use.*\n$/],
    [['-D', `dfs.datanode.http.address=${address}`], /^datanode: Port \d+ on 127\.0\.0\.1 is in use.*\n$/],
    [
      ['-D', 'dfs.datanode.failed.volumes.tolerated=many'],
      /^datanode: dfs\.datanode\.failed\.volumes\.tolerated is "many".*\n$/,
    ],
    [['-D', `dfs.datanode.data.dir=${file}`], /^datanode: .*file.*\n$/],
    [['-D', 'dfs.datanode.adress=1'], /^datanode: There is no property "dfs\.datanode\.adress".*\n$/],
  ];
  for (const [more, message] of cases) {
    const { code, stderr } = await start(t, address, join(directory, 'data'), ...more).ended;
    t.is(code, 1, message.source);
    t.regex(stderr, message);
  }
});

test('waits for a NameNode that is not there, and can be stopped meanwhile', async (t) => {
  const directory = await temporaryDirectory(t);
  const { child, logged, ended } = start(t, '127.0.0.1:1', directory);
  await logged('cannot register with the NameNode; trying again');
  child.kill('SIGTERM');
  t.is((await ended).code, 0);
});
