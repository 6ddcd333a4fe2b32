import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { FileReader } from '../../../client/index.js';
import { fakeFileSystem, runCli } from './run-cli.js';
import { temporaryDirectory } from './temporary-directory.js';

async function here(
  t: ExecutionContext,
): Promise<{ workingDirectory: string; read(name: string): string; names(): string[] }> {
  const workingDirectory = await temporaryDirectory(t);
  return {
    workingDirectory,
    read: (name) => readFileSync(join(workingDirectory, name), 'utf8'),
    names: () => (readdirSync(workingDirectory, { recursive: true }) as string[]).sort(),
  };
}

test('a file → a new name, a directory, the directory one is in', async (t) => {
  const at = await here(t);
  const fs = fakeFileSystem({ '/a b ü': 'hello', '/user/alice/rel': 'R' });
  mkdirSync(join(at.workingDirectory, 'd'));
  t.is((await runCli(fs, ['get', '/a b ü', 'x'], at)).code, 0);
  t.is((await runCli(fs, ['get', '/a b ü', 'd'], at)).code, 0);
  t.is((await runCli(fs, ['get', 'rel'], at)).code, 0);
  t.deepEqual(at.names(), ['d', 'd/a b ü', 'rel', 'x']);
  t.is(at.read('x'), 'hello');
});

test('files of 0 bytes, 1 byte and many', async (t) => {
  const at = await here(t);
  const many = 'abcdefg'.repeat(50_000);
  t.is(
    (await runCli(fakeFileSystem({ '/0': '', '/1': '1', '/many': many }), ['get', '/0', '/1', '/many', '.'], at)).code,
    0,
  );
  t.is(at.read('0'), '');
  t.is(at.read('1'), '1');
  t.is(at.read('many'), many);
});

test('what is there is replaced only with -f', async (t) => {
  const at = await here(t);
  writeFileSync(join(at.workingDirectory, 'a'), 'old');
  const fs = fakeFileSystem({ '/a': 'new' });
  t.like(await runCli(fs, ['get', '/a', 'a'], at), { code: 1, stderr: "get: `a': File exists\n" });
  t.like(await runCli(fs, ['get', '/a', '.'], at), { code: 1, stderr: "get: `a': File exists\n" });
  t.is(at.read('a'), 'old');
  t.is((await runCli(fs, ['get', '-f', '/a'], at)).code, 0);
  t.is(at.read('a'), 'new');
});

test('destinations and sources that cannot be', async (t) => {
  const at = await here(t);
  writeFileSync(join(at.workingDirectory, 'f'), '');
  const fs = fakeFileSystem({ '/a': 'A', '/b': 'B', '/d/x': '' });
  const message = async (...args: string[]) => (await runCli(fs, ['get', ...args], at)).stderr;
  t.is(await message('/a', 'no/such'), "get: `no/such': No such file or directory\n");
  t.is(await message('/a', 'new/'), "get: `new/': No such file or directory\n");
  t.is(await message('/a', '/b', 'f'), "get: `f': Is not a directory\n");
  t.is(await message('/a', '/b', 'x'), "get: `x': No such file or directory\n");
  t.is(await message('-f', '/d', 'f'), "get: `f': Is not a directory\n");
  t.is(await message('/x', 'y'), "get: `/x': No such file or directory\n");
  t.deepEqual(at.names(), ['f']);
});

test('- is standard output', async (t) => {
  t.is((await runCli(fakeFileSystem({ '/a': 'A', '/b': 'B' }), ['get', '/a', '/b', '-'])).stdout, 'AB');
});

test('a directory → with all that is in it', async (t) => {
  const at = await here(t);
  const fs = fakeFileSystem({ '/d/a': 'A', '/d/e/b': 'B', '/d/empty': null });
  t.is((await runCli(fs, ['get', '/d', 'new'], at)).code, 0);
  t.is((await runCli(fs, ['get', '/d', 'new'], at)).code, 0);
  t.deepEqual(at.names(), [
    'new',
    'new/a',
    'new/d',
    'new/d/a',
    'new/d/e',
    'new/d/e/b',
    'new/d/empty',
    'new/e',
    'new/e/b',
    'new/empty',
  ]);
  t.is(at.read('new/d/e/b'), 'B');
});

test('patterns → all that match, into a directory', async (t) => {
  const at = await here(t);
  const fs = fakeFileSystem({ '/a1': '1', '/a2': '2', '/b': '3' });
  t.is((await runCli(fs, ['get', '/a*', '.'], at)).code, 0);
  t.deepEqual(at.names(), ['a1', 'a2']);
  t.like(await runCli(fs, ['get', '/a*', 'one'], at), { code: 1, stderr: "get: `one': No such file or directory\n" });
});

const brokenCopy: FileReader['copyTo'] = async (sink) => {
  await sink([Buffer.from('ne')]);
  throw new Error('no replica can be read');
};

test('a copy that fails leaves nothing, and not the old file changed', async (t) => {
  const at = await here(t);
  writeFileSync(join(at.workingDirectory, 'a'), 'old');
  const fs = fakeFileSystem({ '/a': 'new' });
  const broken = {
    stat: fs.stat.bind(fs),
    close: fs.close.bind(fs),
    open: async () => ({ copyTo: brokenCopy, close: async () => {} }),
  };
  const environment = { connect: async () => broken as never };
  t.like(await runCli(fs, ['get', '-f', '/a', '.'], { ...at, environment }), {
    code: 1,
    stderr: 'get: no replica can be read\n',
  });
  t.is(at.read('a'), 'old');
  t.deepEqual(at.names(), ['a']);
});

test('two sources of the same name → the first one, or with -f the last one', async (t) => {
  const at = await here(t);
  const fs = fakeFileSystem({ '/a/x': 'first', '/b/x': 'second' });
  t.like(await runCli(fs, ['get', '/a/x', '/b/x', '.'], at), { code: 1, stderr: "get: `x': File exists\n" });
  t.is(at.read('x'), 'first');
  t.is((await runCli(fs, ['get', '-f', '/a/x', '/b/x', '.'], at)).code, 0);
  t.is(at.read('x'), 'second');
});

test('a name that leads out of the directory is not followed', async (t) => {
  const at = await here(t);
  const fs = fakeFileSystem({ '/d/a': 'A' }).change('/d/a', { name: '../a' });
  const { code, stderr } = await runCli(fs, ['get', '/d', 'new'], at);
  t.is(code, 1);
  t.regex(stderr, /^get: `\/d': the NameNode gave the impossible name '\.\.\/a' for an entry\n$/);
  t.deepEqual(at.names(), ['new']);
});

test('devices are written to and stay', async (t) => {
  const at = await here(t);
  t.is((await runCli(fakeFileSystem({ '/a': 'A' }), ['get', '/a', '/dev/null'], at)).code, 0);
  t.true(statSync('/dev/null').isCharacterDevice());
  t.false(existsSync('/dev/null._COPYING_'));
});

test('-p keeps permissions and times; without it they are those of a new file', async (t) => {
  const at = await here(t);
  const fs = fakeFileSystem({ '/d/a': 'A' })
    .change('/d/a', { mode: 0o600, modificationTimeMs: 2_000_000, accessTimeMs: 1_000_000 })
    .change('/d', { mode: 0o700, modificationTimeMs: 4_000_000 });
  await runCli(fs, ['get', '-p', '/d', 'kept'], at);
  await runCli(fs, ['get', '/d', 'plain'], at);
  const stat = (name: string) => statSync(join(at.workingDirectory, name));
  t.is(stat('kept/a').mode & 0o777, 0o600);
  t.is(stat('kept/a').mtimeMs, 2_000_000);
  t.is(stat('kept/a').atimeMs, 1_000_000);
  t.is(stat('kept').mode & 0o777, 0o700);
  t.is(stat('kept').mtimeMs, 4_000_000);
  t.not(stat('plain/a').mtimeMs, 2_000_000);
});

test('moveToLocal removes what was copied', async (t) => {
  const at = await here(t);
  const fs = fakeFileSystem({ '/d/a': 'A', '/d/e/b': 'B' });
  t.is((await runCli(fs, ['moveToLocal', '/d', '.'], at)).code, 0);
  t.deepEqual(at.names(), ['d', 'd/a', 'd/e', 'd/e/b']);
  t.deepEqual(fs.paths(), []);
});

test('getmerge → files one after the other, -nl between them', async (t) => {
  const at = await here(t);
  const fs = fakeFileSystem({ '/d/b': 'B', '/d/a': 'A', '/d/empty': '', '/d/sub/x': 'X', '/c': 'C' });
  t.is((await runCli(fs, ['getmerge', '/d', '/c', 'out'], at)).code, 0);
  t.is(at.read('out'), 'ABC');
  await runCli(fs, ['getmerge', '-nl', '/d', '/c', 'out'], at);
  t.is(at.read('out'), 'A\nB\n\nC\n');
  await runCli(fs, ['getmerge', '-nl', '-skip-empty-file', '/d', 'out'], at);
  t.is(at.read('out'), 'A\nB\n');
  t.is((await runCli(fs, ['getmerge', '/d', '-'], at)).stdout, 'AB');
});

test('getmerge of something that is missing changes nothing', async (t) => {
  const at = await here(t);
  writeFileSync(join(at.workingDirectory, 'out'), 'old');
  t.like(await runCli(fakeFileSystem({ '/a': 'A' }), ['getmerge', '/a', '/x', 'out'], at), {
    code: 1,
    stderr: "getmerge: `/x': No such file or directory\n",
  });
  t.is(at.read('out'), 'old');
});
