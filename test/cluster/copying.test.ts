/** What is put into a cluster comes out of it byte for byte, and lies on three DataNodes on two racks. */
import { copyFile, mkdir, opendir, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import test from 'ava';
import { PACKAGE_ROOT } from '../../client/cluster/package-root.js';
import { sharedCluster } from './harness.js';
import { temporaryDirectory, treeOf, writeRandomFile } from './support/files.js';
import { assertFsckWhole } from './support/health.js';

const MIB = 2 ** 20;

const cluster = sharedCluster(test);

test.serial('files of every size and name come back byte for byte, with three replicas on two racks', async (t) => {
  const local = await temporaryDirectory(t);
  const sizes: Record<string, number> = {
    empty: 0,
    'one byte': 1,
    'a chunk and a byte': 4097,
    'one block': MIB,
    'one block and a byte': MIB + 1,
    'several blocks': 5 * MIB + 12_345,
    ' leading and trailing space ': 10,
    'ünïcödé – 日本語 – 🗄️.txt': 100,
    'quote\'s "and" $dollar\\backslash': 7,
    '-dash': 3,
    'percent%20and#hash?': 9,
    ['long'.repeat(59)]: 11,
  };
  for (const [name, size] of Object.entries(sizes)) await writeRandomFile(join(local, 'in', 'sub dir', name), size);
  const put = await cluster().dfs(['put', '-D', 'dfs.blocksize=1m', join(local, 'in'), '/']);
  t.deepEqual([put.code, put.stderr], [0, '']);
  const get = await cluster().dfs(['get', '/in', join(local, 'out')]);
  t.deepEqual([get.code, get.stderr], [0, '']);
  t.deepEqual(await treeOf(join(local, 'out')), await treeOf(join(local, 'in')));

  const report = await assertFsckWhole(t, cluster(), '/in');
  const blocks = Object.fromEntries(report.files.map((file) => [file.path, file.blocks.map(({ length }) => length)]));
  t.deepEqual(blocks['/in/sub dir/empty'], []);
  t.deepEqual(blocks['/in/sub dir/one block'], [MIB]);
  t.deepEqual(blocks['/in/sub dir/one block and a byte'], [MIB, 1]);
  t.deepEqual(blocks['/in/sub dir/several blocks'], [MIB, MIB, MIB, MIB, MIB, 12_345]);
});

test.serial('standard input and output carry any bytes', async (t) => {
  const local = await temporaryDirectory(t);
  const data = await writeRandomFile(join(local, 'data'), 3 * MIB + 1);
  const put = await cluster().dfs(['put', '-D', 'dfs.blocksize=1m', '-', '/from stdin'], { stdin: data });
  t.deepEqual([put.code, put.stderr], [0, '']);
  for (const args of [
    ['cat', '/from stdin'],
    ['get', '/from stdin', '-'],
  ]) {
    const child = cluster().spawnDfs(args);
    const parts: Buffer[] = [];
    for await (const part of child.stdout ?? []) parts.push(part as Buffer);
    t.true(Buffer.concat(parts).equals(data), args.join(' '));
  }
  t.is((await cluster().dfs(['put', '-', '/nothing'], { stdin: '' })).code, 0);
  t.is((await cluster().dfs(['cat', '/nothing'])).stdout, '');
});

test.serial('a tree of two thousand real files comes back as it was', async (t) => {
  t.timeout(300_000);
  const local = await temporaryDirectory(t);
  await copySomeFiles(join(PACKAGE_ROOT, 'node_modules'), join(local, 'in'), 2_000);
  const put = await cluster().dfs(['put', join(local, 'in'), '/tree']);
  t.deepEqual([put.code, put.stderr], [0, '']);
  const get = await cluster().dfs(['get', '/tree', join(local, 'out')]);
  t.deepEqual([get.code, get.stderr], [0, '']);
  t.deepEqual(await treeOf(join(local, 'out')), await treeOf(join(local, 'in')));
  t.is((await assertFsckWhole(t, cluster(), '/tree')).totalFiles, 2_000);
});

/** The first `count` files below `source` that are not huge, in a tree like theirs. */
async function copySomeFiles(source: string, target: string, count: number): Promise<void> {
  let copied = 0;
  for await (const entry of await opendir(source, { recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    if ((await stat(path)).size > MIB) continue;
    const copy = join(target, relative(source, path));
    await mkdir(dirname(copy), { recursive: true });
    await copyFile(path, copy);
    copied++;
    if (copied === count) return;
  }
  throw new Error(`${source} has only ${copied} files`);
}
