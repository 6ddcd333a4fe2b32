import test from 'ava';
import { Errno } from '../../../../client/fuse/errno.js';
import type { Attributes, FileSystemOperations } from '../../../../client/fuse/file-system-operations.js';
import { Paths, VALIDITY_MS } from '../../../../client/fuse/native/paths.js';
import { FakeClock } from '../../../support/fake-clock.js';

const TIME = { ms: 0, ns: 0 };

function attributes(inode: number): Attributes {
  return { inode, size: 0, mode: 0o100644, links: 1, uid: 0, gid: 0, atime: TIME, mtime: TIME, ctime: TIME, ageMs: 0 };
}

/** A tree of `parent/name → inode` with a record of what was asked. */
async function setUp(tree: Readonly<Record<string, number>>) {
  const asked: string[] = [];
  const forgotten: number[] = [];
  const operations = {
    async lookup(parent: number, name: string) {
      asked.push(`${parent}/${name}`);
      const inode = tree[`${parent}/${name}`];
      if (inode === undefined) throw new Errno('ENOENT');
      return attributes(inode);
    },
    async getattr(node: number) {
      asked.push(`${node}`);
      return attributes(node);
    },
    forget: (node: number) => void forgotten.push(node),
  } as unknown as FileSystemOperations;
  const clock = new FakeClock();
  await clock.advance(1);
  return { paths: new Paths(operations, clock), clock, asked, forgotten };
}

test('directories are looked up once, attributes each time', async (t) => {
  const { paths, clock, asked, forgotten } = await setUp({ '1/a': 10, '10/b': 20 });
  t.is((await paths.attributes('/a/b')).inode, 20);
  t.is((await paths.attributes('/a/b')).inode, 20);
  t.deepEqual(await paths.entry('/a/b'), { parent: 10, name: 'b' });
  t.deepEqual(asked, ['1/a', '10/b', '10/b']);
  t.deepEqual(forgotten, [20], 'one lookup is kept');
  await clock.advance(VALIDITY_MS + 1);
  t.is(await paths.inode('/a/b'), 20);
  t.deepEqual(asked.slice(3), ['1/a', '10/b']);
});

test('what was renamed, with all below it, is looked up anew', async (t) => {
  const { paths, asked } = await setUp({ '1/a': 10, '10/b': 20, '1/ab': 11 });
  await paths.inode('/a/b');
  await paths.inode('/ab');
  paths.moved('/a', '/c');
  asked.length = 0;
  await paths.inode('/ab');
  t.deepEqual(asked, []);
  await paths.inode('/a/b');
  t.deepEqual(asked, ['1/a', '10/b']);
});

test('attributes of what was just made are given once, without asking', async (t) => {
  const { paths, asked } = await setUp({ '1/new': 10 });
  paths.made('/new', attributes(10));
  t.is((await paths.attributes('/new')).inode, 10);
  t.deepEqual(asked, []);
  await paths.attributes('/new');
  t.deepEqual(asked, ['1/new']);
});

test('a removed file that is open goes on under the name that libfuse gave it', async (t) => {
  const { paths, asked } = await setUp({});
  paths.removedAs('/.fuse_hidden0000000100000001', 10);
  t.is((await paths.attributes('/.fuse_hidden0000000100000001')).inode, 10);
  t.is(await paths.inode('/.fuse_hidden0000000100000001'), 10);
  t.deepEqual(asked, ['10']);
  t.true(paths.forgetRemoved('/.fuse_hidden0000000100000001'));
  t.false(paths.forgetRemoved('/.fuse_hidden0000000100000001'));
});

test('names that are not UTF-8 are not there, and cannot be made', async (t) => {
  const { paths, asked } = await setUp({ '1/\ufffd': 10 });
  const [absent, refused] = [new Errno('ENOENT').errno, new Errno('EILSEQ').errno];
  t.is((await t.throwsAsync<Errno>(paths.attributes('/\ufffd'))).errno, absent);
  t.is((await t.throwsAsync<Errno>(paths.newEntry('/\ufffd'))).errno, refused);
  t.deepEqual(asked, []);
});
