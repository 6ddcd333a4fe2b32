/**
 * The command `dfs` on a cluster of real processes. Most commands run in this process, which saves the time to load them; what is about
 * the command as a process runs as one.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Environment } from '../../client/cli/session.js';
import { FileSystem } from '../../client/index.js';
import { seededRandom } from '../../common/random.js';
import { fakeFileSystem, runCli } from '../client/cli/run-cli.js';
import { type CommandResult, resultOf, sharedCluster, waitFor } from './harness.js';

const BLOCK_SIZE = 64 * 1024;
const cluster = sharedCluster(test, { settings: { 'dfs.blocksize': String(BLOCK_SIZE) } });

/** The command in this process, on the cluster. */
const dfs = (...args: string[]) => dfsWith('', ...args);

async function dfsWith(stdin: string | Uint8Array, ...args: string[]): Promise<CommandResult> {
  const connect: Environment['connect'] = (namenode, configuration) => FileSystem.connect({ namenode, configuration });
  const { stdout, stderr, code } = await runCli(fakeFileSystem(), args, {
    stdin,
    environment: { connect, user: userInfo().username },
    variables: { DFS_NAMENODE: cluster().namenode },
  });
  return { stdout, stderr, code };
}

const bytesOf = (length: number) => seededRandom(length).bytes(length);

/** A directory here and one of the same name in the cluster. */
async function places(t: ExecutionContext, name: string): Promise<{ local: string; remote: string }> {
  const local = await mkdtemp(join(tmpdir(), 'dfs-test-'));
  t.teardown(() => rm(local, { recursive: true }));
  t.is((await dfs('mkdir', '-p', `/${name}`)).code, 0);
  return { local, remote: `/${name}` };
}

for (const [what, length] of [
  ['0 bytes', 0],
  ['1 byte', 1],
  ['one block', BLOCK_SIZE],
  ['one block and a byte', BLOCK_SIZE + 1],
  ['many blocks', 20 * BLOCK_SIZE + 12_345],
] as const) {
  test(`put and get of ${what} → the same bytes`, async (t) => {
    const { local, remote } = await places(t, `size ${length}`);
    writeFileSync(join(local, 'in'), bytesOf(length));
    t.deepEqual(await dfs('put', join(local, 'in'), `${remote}/f`), { stdout: '', stderr: '', code: 0 });
    t.deepEqual(await dfs('get', `${remote}/f`, join(local, 'out')), { stdout: '', stderr: '', code: 0 });
    t.true(readFileSync(join(local, 'out')).equals(bytesOf(length)));
    t.is((await dfs('stat', '%b %n %r %o', `${remote}/f`)).stdout, `${length} f 3 ${BLOCK_SIZE}\n`);
  });
}

test('every block of a file is on three DataNodes and two racks', async (t) => {
  const { local, remote } = await places(t, 'replicas');
  writeFileSync(join(local, 'in'), bytesOf(3 * BLOCK_SIZE));
  await dfs('put', join(local, 'in'), `${remote}/f`);
  const report = await waitFor(async () => {
    const parsed = JSON.parse((await dfs('fsck', `${remote}/f`, '--json')).stdout) as Fsck;
    return parsed.underReplicated === 0 && parsed;
  }, 'all replicas to be reported');
  t.like(report, {
    path: `${remote}/f`,
    status: 'HEALTHY',
    totalFiles: 1,
    totalBlocks: 3,
    missing: 0,
    corrupt: 0,
    misReplicated: 0,
  });
  for (const { length, locations } of report.files[0]?.blocks ?? []) {
    t.is(length, BLOCK_SIZE);
    t.is(new Set(locations.map(({ datanode }) => datanode)).size, 3);
    t.deepEqual([...new Set(locations.map(({ rack }) => rack))].sort(), ['/rack1', '/rack2']);
  }
});

interface Fsck {
  readonly underReplicated: number;
  readonly files: readonly {
    readonly blocks: readonly {
      readonly length: number;
      readonly locations: readonly { readonly datanode: string; readonly rack: string; readonly state: string }[];
    }[];
  }[];
}

test('a tree with names of all kinds comes back as it was', async (t) => {
  const { local, remote } = await places(t, 'tree');
  const names = [
    'plain',
    'with space',
    'ünïcödé',
    '日本語',
    '😀',
    '-dash',
    'quote\'"s',
    'a[1]{b}*?\\',
    'new\nline',
    '.hidden',
    '#%&;$',
  ];
  mkdirSync(join(local, 'in', 'deep', 'er'), { recursive: true });
  mkdirSync(join(local, 'in', 'empty'));
  for (const [i, name] of names.entries()) {
    writeFileSync(join(local, 'in', i % 2 === 0 ? '' : 'deep/er', name), bytesOf(i * 1000));
  }
  t.deepEqual(await dfs('put', join(local, 'in'), remote), { stdout: '', stderr: '', code: 0 });
  t.deepEqual(await dfs('get', `${remote}/in`, join(local, 'out')), { stdout: '', stderr: '', code: 0 });
  for (const [i, name] of names.entries()) {
    t.true(readFileSync(join(local, 'out', i % 2 === 0 ? '' : 'deep/er', name)).equals(bytesOf(i * 1000)), name);
  }
  t.is((await dfs('count', `${remote}/in`)).stdout.trim().split(/ +/).slice(0, 2).join(' '), `4 ${names.length}`);
});

test('the script: standard input, standard output, exit code', async (t) => {
  const { remote } = await places(t, 'pipes');
  const input = bytesOf(5 * BLOCK_SIZE);
  t.deepEqual(await cluster().dfs(['put', '-', `${remote}/f`], { stdin: input }), { stdout: '', stderr: '', code: 0 });
  const child = cluster().spawnDfs(['cat', `${remote}/f`, `${remote}/x`]);
  const output: Buffer[] = [];
  child.stdout?.on('data', (bytes: Buffer) => output.push(bytes));
  t.like(await resultOf(child), { code: 1, stderr: `cat: \`${remote}/x': No such file or directory\n` });
  t.true(Buffer.concat(output).equals(input));
});

test('a reader that goes away ends the command quietly', async (t) => {
  const { remote } = await places(t, 'broken pipe');
  await dfsWith(bytesOf(40 * BLOCK_SIZE), 'put', '-', `${remote}/f`);
  const child = cluster().spawnDfs(['cat', `${remote}/f`]);
  child.stdout?.once('data', () => child.stdout?.destroy());
  const { code, stderr } = await resultOf(child);
  t.is(stderr, '');
  t.is(code, 141);
});

test('Ctrl-C while standard input is awaited → exit code 130, and nothing is left', async (t) => {
  const { remote } = await places(t, 'interrupted');
  const child = cluster().spawnDfs(['put', '-', `${remote}/f`]);
  child.stdin?.write(bytesOf(2 * BLOCK_SIZE));
  const fs = await cluster().sdk();
  await waitFor(() => fs.exists(`${remote}/f._COPYING_`), 'the copy to begin');
  child.kill('SIGINT');
  t.is((await resultOf(child)).code, 130);
  t.is((await dfs('ls', remote)).stdout, '');
});

test('what a killed put leaves is replaced by the next one', async (t) => {
  const { remote } = await places(t, 'killed');
  const child = cluster().spawnDfs(['put', '-', `${remote}/f`]);
  child.stdin?.write(bytesOf(2 * BLOCK_SIZE));
  const fs = await cluster().sdk();
  await waitFor(() => fs.exists(`${remote}/f._COPYING_`), 'the copy to begin');
  child.kill('SIGKILL');
  await resultOf(child);
  t.is((await dfsWith('whole', 'put', '-', `${remote}/f`)).code, 0);
  t.is((await dfs('ls', '-C', remote)).stdout, `${remote}/f\n`);
  t.is((await dfs('cat', `${remote}/f`)).stdout, 'whole');
});

test('append, head, tail, getmerge, text, checksum', async (t) => {
  const { local, remote } = await places(t, 'contents');
  writeFileSync(join(local, 'a'), 'A'.repeat(2000));
  writeFileSync(join(local, 'b'), 'B'.repeat(2000));
  t.is((await dfs('appendToFile', join(local, 'a'), `${remote}/f`)).code, 0);
  t.is((await dfs('appendToFile', join(local, 'b'), `${remote}/f`)).code, 0);
  t.is((await dfsWith('C', 'appendToFile', '-', `${remote}/f`)).code, 0);
  t.is((await dfs('text', `${remote}/f`)).stdout, `${'A'.repeat(2000)}${'B'.repeat(2000)}C`);
  t.is((await dfs('head', `${remote}/f`)).stdout, 'A'.repeat(1024));
  t.is((await dfs('tail', `${remote}/f`)).stdout, `${'B'.repeat(1023)}C`);
  t.is((await dfs('getmerge', remote, remote, join(local, 'merged'))).code, 0);
  t.is(readFileSync(join(local, 'merged')).length, 2 * 4001);
  await dfs('cp', `${remote}/f`, `${remote}/same`);
  const sums = (await dfs('checksum', `${remote}/f`, `${remote}/same`)).stdout.split('\n');
  t.regex(sums[0] ?? '', /\tMD5-of-\d+MD5-of-\d+CRC32C\t[0-9a-f]{56}$/);
});

test('the namespace: mkdir, touch, mv, cp, rm, rmdir, find, test', async (t) => {
  const { remote } = await places(t, 'names');
  const at = (name: string) => `${remote}/${name}`;
  t.is((await dfs('mkdir', at('d'))).code, 0);
  t.deepEqual(await dfs('mkdir', at('d')), { stdout: '', stderr: `mkdir: \`${at('d')}': File exists\n`, code: 1 });
  t.deepEqual(await dfs('mkdir', at('x/y')), {
    stdout: '',
    stderr: `mkdir: \`${at('x/y')}': No such file or directory\n`,
    code: 1,
  });
  t.is((await dfs('touch', at('f'))).code, 0);
  t.is((await dfs('touchz', at('z'))).code, 0);
  t.is((await dfs('mv', at('f'), at('d'))).code, 0);
  t.is((await dfs('mv', at('d/f'), at('z'))).stderr, `mv: \`${at('z')}': File exists\n`);
  t.is((await dfs('cp', at('d'), at('e'))).code, 0);
  t.is(
    (await dfs('find', remote)).stdout,
    ['', 'd', 'd/f', 'e', 'e/f', 'z'].map((name) => `${name === '' ? remote : at(name)}\n`).join(''),
  );
  t.is((await dfs('rmdir', at('d'))).stderr, `rmdir: \`${at('d')}': Directory is not empty\n`);
  t.is((await dfs('rm', at('d'))).stderr, `rm: \`${at('d')}': Is a directory\n`);
  t.is((await dfs('rm', '-r', at('[de]'))).stdout, `Deleted ${at('d')}\nDeleted ${at('e')}\n`);
  t.is((await dfs('test', '-e', at('d'))).code, 1);
  t.is((await dfs('test', '-z', at('z'))).code, 0);
});

test('attributes: chmod, chown, chgrp, setrep, times', async (t) => {
  const { remote } = await places(t, 'attributes');
  const file = `${remote}/f`;
  await dfs('touchz', file);
  for (const args of [
    ['chmod', 'u=rw,go=', file],
    ['chown', 'someone:some-group', file],
    ['setrep', '2', file],
    ['touch', '-m', '-t', '20260102:030405', file],
  ]) {
    t.is((await dfs(...args)).code, 0, args.join(' '));
  }
  const [status] = JSON.parse((await dfs('stat', '--json', file)).stdout) as unknown[];
  const modificationTimeMs = new Date(2026, 0, 2, 3, 4, 5).getTime();
  t.like(status, {
    permission: 'rw-------',
    owner: 'someone',
    group: 'some-group',
    replication: 2,
    modificationTimeMs,
  });
  t.is((await dfs('chgrp', 'others', file)).code, 0);
  t.is((await dfs('stat', '%u:%g', file)).stdout, 'someone:others\n');
});

test('permissions are those of the user that calls', async (t) => {
  const { remote } = await places(t, 'permissions');
  await dfs('chmod', '700', remote);
  const { code, stderr } = await cluster().dfs(['ls', remote], { env: { HADOOP_USER_NAME: 'stranger' } });
  t.is(code, 1);
  t.regex(stderr, /^ls: Permission denied: user=stranger, access=READ_EXECUTE, inode="\/permissions"/);
});

test('setrep -w waits until the replicas are there', async (t) => {
  const { remote } = await places(t, 'setrep');
  await dfsWith('x', 'put', '-', `${remote}/f`);
  const replicas = async (): Promise<number | undefined> => {
    const { files } = JSON.parse((await dfs('fsck', `${remote}/f`, '--json')).stdout) as Fsck;
    // A surplus replica is listed until it is deleted, but does not count.
    return files[0]?.blocks[0]?.locations.filter(({ state }) => state === 'live').length;
  };
  // A file is closed when one DataNode has reported its block. While the others have not, one replica is all that anybody knows of.
  while ((await replicas()) !== 3);
  for (const count of ['1', '3']) {
    t.regex((await dfs('setrep', '-w', count, `${remote}/f`)).stdout, / done\n$/);
    t.is(await replicas(), Number(count));
  }
});

test('the cluster: report, df, safemode, saveNamespace', async (t) => {
  const nodes = JSON.parse((await dfs('report', '--json')).stdout) as {
    address: string;
    rack: string;
    state: string;
  }[];
  t.deepEqual(nodes.map(({ address }) => address).sort(), [1, 2, 3].map((index) => cluster().address(index)).sort());
  t.true(nodes.every(({ state }) => state === 'live'));
  t.regex((await dfs('dfsadmin', '-report')).stdout, /Live datanodes \(3\):/);
  const [space] = JSON.parse((await dfs('df', '--json')).stdout) as { filesystem: string; capacityBytes: number }[];
  t.is(space?.filesystem, `hdfs://${cluster().namenode}`);
  t.true((space?.capacityBytes ?? 0) > 0);
  t.regex((await dfs('dfsadmin', '-safemode', 'get')).stdout, /^Safe mode is OFF\n/);
  t.regex((await dfs('saveNamespace')).stdout, /^Save namespace successful/);
});

test('hdfs:// URIs reach the cluster that they name', async (t) => {
  const { remote } = await places(t, 'uris');
  const uri = `hdfs://${cluster().namenode}${remote}`;
  const { stdout } = await cluster().dfs(['ls', '-d', '-C', uri], { env: { DFS_NAMENODE: '127.0.0.1:1' } });
  t.is(stdout, `${uri}\n`);
});

test('nobody answers → one sentence, exit code 1', async (t) => {
  const { code, stdout, stderr } = await cluster().dfs(['ls', '/'], { env: { DFS_NAMENODE: '127.0.0.1:1' } });
  t.is(code, 1);
  t.is(stdout, '');
  t.regex(stderr, /^ls: .*127\.0\.0\.1:1.*\n$/);
});

test("what goes beyond a quota is refused in HDFS's words, and count -q shows what is left", async (t) => {
  const { local, remote } = await places(t, 'quotas');
  const done = { stdout: '', stderr: '', code: 0 };
  writeFileSync(join(local, 'f'), bytesOf(BLOCK_SIZE / 2));
  const put = (name: string) => dfs('put', join(local, 'f'), `${remote}/${name}`);
  t.deepEqual(await dfs('dfsadmin', '-setQuota', '3', remote), done);
  t.deepEqual(await dfs('admin', 'setSpaceQuota', '192k', remote), done);
  t.deepEqual(await put('one'), done);
  t.deepEqual(await put('two'), {
    stdout: '',
    stderr:
      'put: The DiskSpace quota of /quotas is exceeded: quota = 196608 B = 192 KB but diskspace consumed = 294912 B = 288 KB\n',
    code: 1,
  });
  t.is(
    (await dfs('count', '-q', remote)).stdout,
    '           3               1          196608           98304            1            1              32768 /quotas\n',
  );
  t.deepEqual(await dfs('mkdir', `${remote}/a`), done);
  t.deepEqual(await dfs('mkdir', `${remote}/b`), {
    stdout: '',
    stderr:
      'mkdir: The NameSpace quota (directories and files) of directory /quotas is exceeded: quota=3 file count=4\n',
    code: 1,
  });
  t.deepEqual(await dfs('admin', 'clrQuota', remote), done);
  t.deepEqual(await dfs('admin', 'clrSpaceQuota', remote), done);
  t.deepEqual(await put('two'), done);
  t.deepEqual(await dfs('mkdir', `${remote}/b`), done);
});
