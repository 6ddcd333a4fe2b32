import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { temporaryPath } from '../../../client/cli/temporary-name.js';
import { fakeFileSystem, type RunOptions, runCli } from './run-cli.js';
import { temporaryDirectory } from './temporary-directory.js';

async function local(
  t: ExecutionContext,
  files: Readonly<Record<string, string | Buffer | null>>,
): Promise<RunOptions & { workingDirectory: string }> {
  const workingDirectory = await temporaryDirectory(t);
  for (const [name, content] of Object.entries(files)) {
    const path = join(workingDirectory, name);
    mkdirSync(content === null ? path : join(path, '..'), { recursive: true });
    if (content !== null) writeFileSync(path, content);
  }
  return { workingDirectory };
}

test('a file → a new name, a directory, the home directory', async (t) => {
  const here = await local(t, { 'a b ü': 'hello' });
  const fs = fakeFileSystem({ '/d': null, '/user/alice': null });
  t.is((await runCli(fs, ['put', 'a b ü', '/x'], here)).code, 0);
  t.is((await runCli(fs, ['put', 'a b ü', '/d'], here)).code, 0);
  t.is((await runCli(fs, ['put', join(here.workingDirectory, 'a b ü')], here)).code, 0);
  t.deepEqual(fs.paths(), ['/d', '/d/a b ü', '/user', '/user/alice', '/user/alice/a b ü', '/x']);
  t.is(fs.content('/x'), 'hello');
});

test('files of 0 bytes, 1 byte, and more than is read at a time', async (t) => {
  const big = Buffer.alloc(3 * 1024 ** 2 + 17, 'abcdefg');
  const here = await local(t, { zero: '', one: '1', big });
  const fs = fakeFileSystem({ '/d': null });
  t.is((await runCli(fs, ['put', 'zero', 'one', 'big', '/d'], here)).code, 0);
  t.is(fs.content('/d/zero'), '');
  t.is(fs.content('/d/one'), '1');
  t.true(Buffer.from(fs.content('/d/big')).equals(big));
});

test('what is there is replaced only with -f', async (t) => {
  const here = await local(t, { a: 'new' });
  const fs = fakeFileSystem({ '/a': 'old' });
  t.like(await runCli(fs, ['put', 'a', '/a'], here), { code: 1, stderr: "put: `/a': File exists\n" });
  t.like(await runCli(fs, ['put', 'a', '/'], here), { code: 1, stderr: "put: `/a': File exists\n" });
  t.is(fs.content('/a'), 'old');
  t.is((await runCli(fs, ['put', '-f', 'a', '/'], here)).code, 0);
  t.is(fs.content('/a'), 'new');
});

test('destinations that cannot be', async (t) => {
  const here = await local(t, { a: '', b: '', dir: null });
  const fs = fakeFileSystem({ '/f': '' });
  const message = async (...args: string[]) => (await runCli(fs, ['put', ...args], here)).stderr;
  t.is(await message('a', '/no/such'), "put: `/no/such': No such file or directory\n");
  t.is(await message('a', '/new/'), "put: `/new/': No such file or directory\n");
  t.is(await message('a', 'b', '/f'), "put: `/f': Is not a directory\n");
  t.is(await message('a', 'b', '/x'), "put: `/x': No such file or directory\n");
  t.is(await message('-f', 'dir', '/f'), "put: `/f': Is not a directory\n");
  const hint = 'Your home directory does not exist yet. Make it: dfs mkdir -p /user/alice\n';
  t.is(await message('a'), `${hint}put: \`.': No such file or directory\n`);
  t.deepEqual(fs.paths(), ['/f']);
});

test('sources that are missing or cannot be read are told about, the others are copied', async (t) => {
  const here = await local(t, { a: 'A' });
  const fs = fakeFileSystem({ '/d': null });
  const { code, stderr } = await runCli(fs, ['put', 'x', 'a', '/d'], here);
  t.is(code, 1);
  t.is(stderr, "put: `x': No such file or directory\n");
  t.is(fs.content('/d/a'), 'A');
});

test('a file appears under its name only when it is complete', async (t) => {
  const here = await local(t, { a: 'hello' });
  const fs = fakeFileSystem();
  const seen: string[][] = [];
  fs.onWrite = async () => void seen.push(fs.paths());
  await runCli(fs, ['put', 'a', '/a'], here);
  t.deepEqual(seen, [['/a._COPYING_']]);
  t.deepEqual(fs.paths(), ['/a']);
});

test('-d writes to the final name', async (t) => {
  const here = await local(t, { a: 'hello' });
  const fs = fakeFileSystem();
  const seen: string[][] = [];
  fs.onWrite = async () => void seen.push(fs.paths());
  await runCli(fs, ['put', '-d', 'a', '/a'], here);
  t.deepEqual(seen, [['/a']]);
});

test('a copy that fails leaves nothing', async (t) => {
  const here = await local(t, { a: 'hello' });
  const fs = fakeFileSystem();
  fs.onWrite = async () => {
    throw new Error('all DataNodes are gone');
  };
  t.like(await runCli(fs, ['put', 'a', '/a'], here), { code: 1, stderr: 'put: all DataNodes are gone\n' });
  t.deepEqual(fs.paths(), []);
});

test('a copy that the user stops leaves nothing', async (t) => {
  const here = await local(t, { a: 'hello', 'd/b': 'x', 'd/c': 'y' });
  for (const source of ['a', 'd', '-']) {
    const fs = fakeFileSystem();
    const stop = new AbortController();
    fs.onWrite = async () => {
      stop.abort(new Error('stop'));
      throw stop.signal.reason;
    };
    const run = runCli(fs, ['put', source, '/x'], { ...here, stdin: 'input', environment: { signal: stop.signal } });
    await t.throwsAsync(run, { message: 'stop' }, source);
    t.deepEqual(fs.paths(), source === 'd' ? ['/x'] : [], source);
  }
});

test('what a killed copy left is replaced', async (t) => {
  const here = await local(t, { a: 'new' });
  const fs = fakeFileSystem({ '/a._COPYING_': 'half' });
  t.is((await runCli(fs, ['put', 'a', '/a'], here)).code, 0);
  t.deepEqual(fs.paths(), ['/a']);
  t.is(fs.content('/a'), 'new');
});

test('- is standard input', async (t) => {
  const fs = fakeFileSystem();
  t.is((await runCli(fs, ['put', '-', '/a'], { stdin: 'input' })).code, 0);
  t.is(fs.content('/a'), 'input');
  t.like(await runCli(fs, ['put', '-', '/a'], { stdin: 'other' }), { code: 1, stderr: "put: `/a': File exists\n" });
  t.is((await runCli(fs, ['put', '-f', '-', '/a'], { stdin: '' })).code, 0);
  t.is(fs.content('/a'), '');
});

test('a directory → with all that is in it, under a new name or in a directory', async (t) => {
  const here = await local(t, { 'd/a': 'A', 'd/e/b': 'B', 'd/empty': null, 'd/ü b': 'U' });
  const fs = fakeFileSystem({ '/into': null });
  t.is((await runCli(fs, ['put', 'd', '/new'], here)).code, 0);
  t.is((await runCli(fs, ['put', 'd/', '/into'], here)).code, 0);
  t.deepEqual(fs.paths(), [
    '/into',
    '/into/d',
    '/into/d/a',
    '/into/d/e',
    '/into/d/e/b',
    '/into/d/empty',
    '/into/d/ü b',
    '/new',
    '/new/a',
    '/new/e',
    '/new/e/b',
    '/new/empty',
    '/new/ü b',
  ]);
  t.is(fs.content('/into/d/e/b'), 'B');
});

test('. goes under the name of the directory', async (t) => {
  const here = await local(t, { 'some/a': 'A' });
  const fs = fakeFileSystem({ '/into': null });
  await runCli(fs, ['put', '.', '/into'], { workingDirectory: join(here.workingDirectory, 'some') });
  t.deepEqual(fs.paths(), ['/into', '/into/some', '/into/some/a']);
});

test('a directory that is there already is filled up; only new files are copied', async (t) => {
  const here = await local(t, { 'd/a': 'new', 'd/b': 'new' });
  const fs = fakeFileSystem({ '/x/d/a': 'old' });
  t.like(await runCli(fs, ['put', 'd', '/x'], here), { code: 1, stderr: "put: `/x/d/a': File exists\n" });
  t.is(fs.content('/x/d/a'), 'old');
  t.is(fs.content('/x/d/b'), 'new');
});

test('many small files are copied several at a time, and not all at once', async (t) => {
  const here = await local(t, Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`d/${i}`, String(i)])));
  const fs = fakeFileSystem();
  let [running, most] = [0, 0];
  let open = (): void => {};
  const eightAtOnce = new Promise<void>((resolve) => {
    open = resolve;
  });
  fs.onWrite = async () => {
    most = Math.max(most, ++running);
    if (running === 8) open();
    await eightAtOnce;
    running--;
  };
  t.is((await runCli(fs, ['put', 'd', '/d'], here)).code, 0);
  t.is(fs.paths().length, 101);
  t.is(most, 8);
});

test('two sources of the same name → the first one, or with -f the last one', async (t) => {
  const here = await local(t, { 'a/x': 'first', 'b/x': 'second' });
  const fs = fakeFileSystem({ '/d': null });
  t.like(await runCli(fs, ['put', 'a/x', 'b/x', '/d'], here), { code: 1, stderr: "put: `/d/x': File exists\n" });
  t.is(fs.content('/d/x'), 'first');
  t.is((await runCli(fs, ['put', '-f', 'a/x', 'b/x', '/d'], here)).code, 0);
  t.is(fs.content('/d/x'), 'second');
});

test('links are followed; loops, broken links and what is no file are told about', async (t) => {
  const here = await local(t, { 'd/a': 'A', 'd/e/b': 'B' });
  const at = (name: string) => join(here.workingDirectory, name);
  symlinkSync('a', at('d/link'));
  symlinkSync('..', at('d/e/loop'));
  symlinkSync('nothing', at('d/broken'));
  execFileSync('mkfifo', [at('d/pipe')]);
  const fs = fakeFileSystem();
  const { code, stderr } = await runCli(fs, ['put', 'd', '/d'], here);
  t.is(code, 1);
  t.deepEqual(stderr.split('\n').sort(), [
    '',
    "put: `d/broken': No such file or directory",
    "put: `d/e/loop': Too many levels of symbolic links",
    "put: `d/pipe': Not a regular file",
  ]);
  t.deepEqual(fs.paths(), ['/d', '/d/a', '/d/e', '/d/e/b', '/d/link']);
  t.is(fs.content('/d/link'), 'A');
});

test('names that are not UTF-8 are told about and left out', async (t) => {
  const here = await local(t, { 'd/a': 'A' });
  writeFileSync(Buffer.concat([Buffer.from(`${here.workingDirectory}/d/`), Buffer.from([0x66, 0xff])]), 'x');
  const fs = fakeFileSystem();
  const { code, stderr } = await runCli(fs, ['put', 'd', '/d'], here);
  t.is(code, 1);
  t.is(stderr, "put: `d/f\uFFFD': the name is not valid UTF-8, as names in the cluster must be\n");
  t.deepEqual(fs.paths(), ['/d', '/d/a']);
});

test('-p keeps permissions, owner and times', async (t) => {
  const here = await local(t, { 'd/a': 'A' });
  const at = (name: string) => join(here.workingDirectory, name);
  chmodSync(at('d/a'), 0o640);
  chmodSync(at('d'), 0o750);
  utimesSync(at('d/a'), 1000, 2000);
  utimesSync(at('d'), 3000, 4000);
  const fs = fakeFileSystem();
  t.is((await runCli(fs, ['put', '-p', 'd', '/d'], here)).code, 0);
  const owner = userInfo().username;
  t.like(fs.statusOf('/d/a'), { mode: 0o640, owner, accessTimeMs: 1_000_000, modificationTimeMs: 2_000_000 });
  t.like(fs.statusOf('/d'), { mode: 0o750, owner, modificationTimeMs: 4_000_000 });
});

test('-l writes one replica', async (t) => {
  const here = await local(t, { a: 'A' });
  const fs = fakeFileSystem();
  await runCli(fs, ['put', '-l', 'a', '/a'], here);
  t.is(fs.statusOf('/a').replication, 1);
});

test('a name of 255 bytes can be copied', async (t) => {
  const name = `${'ü'.repeat(127)}x`;
  const here = await local(t, { a: 'A' });
  const fs = fakeFileSystem();
  t.is((await runCli(fs, ['put', 'a', `/${name}`], here)).code, 0);
  t.deepEqual(fs.paths(), [`/${name}`]);
});

test('a file that shrinks or vanishes while it is copied is no reason to hang', async (t) => {
  const here = await local(t, { a: Buffer.alloc(5 * 1024 ** 2) });
  const fs = fakeFileSystem();
  fs.onWrite = async () => truncateSync(join(here.workingDirectory, 'a'), 0);
  t.is((await runCli(fs, ['put', 'a', '/a'], here)).code, 0);
});

test('moveFromLocal removes what was copied, and nothing else', async (t) => {
  const here = await local(t, { a: 'A', 'd/b': 'B', 'd/c': 'C' });
  const fs = fakeFileSystem({ '/x/d/c': 'old' });
  t.is((await runCli(fs, ['moveFromLocal', 'a', '/x'], here)).code, 0);
  t.false(existsSync(join(here.workingDirectory, 'a')));
  const { code, stderr } = await runCli(fs, ['moveFromLocal', 'd', '/x'], here);
  t.is(code, 1);
  t.is(stderr, "moveFromLocal: `/x/d/c': File exists\nmoveFromLocal: `d': Directory is not empty\n");
  t.deepEqual(readdirSync(join(here.workingDirectory, 'd')), ['c']);
});

test('appendToFile → files or standard input at the end of a file, which is made', async (t) => {
  const here = await local(t, { a: 'A', b: 'B' });
  const fs = fakeFileSystem({ '/f': '1', '/d': null });
  t.is((await runCli(fs, ['appendToFile', 'a', 'b', '/f'], here)).code, 0);
  t.is(fs.content('/f'), '1AB');
  t.is((await runCli(fs, ['appendToFile', '-', '/f'], { ...here, stdin: 'input' })).code, 0);
  t.is(fs.content('/f'), '1ABinput');
  t.is((await runCli(fs, ['appendToFile', 'a', '/new'], here)).code, 0);
  t.is(fs.content('/new'), 'A');
  const message = async (...args: string[]) => (await runCli(fs, ['appendToFile', ...args], here)).stderr;
  t.is(await message('a', 'x', '/f'), "appendToFile: `x': No such file or directory\n");
  t.is(await message('a', '/d'), "appendToFile: `/d': Is a directory\n");
  t.is(await message('a', '/no/such'), "appendToFile: `/no/such': No such file or directory\n");
  t.regex(await message('a'), /^appendToFile: the destination is missing\./);
  t.is(fs.content('/f'), '1ABinput');
});

test("temporary names: HDFS's suffix, the same for the same name, never too long", (t) => {
  t.is(temporaryPath('/d/a'), '/d/a._COPYING_');
  const long = temporaryPath(`/d/${'x'.repeat(255)}`);
  t.is(Buffer.byteLength(long), '/d/'.length + 255);
  t.true(long.endsWith('._COPYING_'));
  t.is(temporaryPath(`/d/${'x'.repeat(255)}`), long);
  t.not(temporaryPath(`/d/${'x'.repeat(254)}y`), long);
});
