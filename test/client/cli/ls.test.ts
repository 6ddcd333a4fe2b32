import test from 'ava';
import { localMinute } from '../../../client/cli/format.js';
import { NOW_MS } from './fake-file-system.js';
import { fakeFileSystem, runCli } from './run-cli.js';

const when = localMinute(NOW_MS);

test("a directory → count, then HDFS's columns", async (t) => {
  const fs = fakeFileSystem({ '/d/file': 'hello', '/d/sub': null });
  const { stdout, code } = await runCli(fs, ['ls', '/d']);
  t.is(code, 0);
  t.is(
    stdout,
    'Found 2 items\n' +
      `-rw-r--r--   3 alice staff          5 ${when} /d/file\n` +
      `drwxr-xr-x   - alice staff          0 ${when} /d/sub\n`,
  );
});

test('an empty directory → nothing', async (t) => {
  t.is((await runCli(fakeFileSystem({ '/d': null }), ['ls', '/d'])).stdout, '');
});

test('a file → its line, without a count', async (t) => {
  const { stdout } = await runCli(fakeFileSystem({ '/f': '' }), ['ls', '/f']);
  t.is(stdout, `-rw-r--r--   3 alice staff          0 ${when} /f\n`);
});

test('columns are as wide as their widest cell', async (t) => {
  const fs = fakeFileSystem({ '/d/a': '', '/d/b': '' })
    .change('/d/a', { owner: 'a-long-owner', length: 12_345_678_901 })
    .change('/d/b', { group: 'some-group' });
  t.is(
    (await runCli(fs, ['ls', '/d'])).stdout,
    'Found 2 items\n' +
      `-rw-r--r--   3 a-long-owner staff      12345678901 ${when} /d/a\n` +
      `-rw-r--r--   3 alice        some-group           0 ${when} /d/b\n`,
  );
});

test('no path → the home directory, names as they are below it', async (t) => {
  const { stdout } = await runCli(fakeFileSystem({ '/user/alice/f': '' }), ['ls', '-C']);
  t.is(stdout, 'f\n');
});

test("nothing there → HDFS's words on stderr, exit code 1, and the other paths are still listed", async (t) => {
  const { code, stdout, stderr } = await runCli(fakeFileSystem({ '/f': '' }), ['ls', '-C', '/x', '/f']);
  t.is(code, 1);
  t.is(stderr, "ls: `/x': No such file or directory\n");
  t.is(stdout, '/f\n');
});

test('-d → the directory itself', async (t) => {
  const { stdout } = await runCli(fakeFileSystem({ '/d/f': '' }), ['ls', '-d', '/d']);
  t.is(stdout, `drwxr-xr-x   - alice staff          0 ${when} /d\n`);
});

test('-h → sizes with a prefix', async (t) => {
  const fs = fakeFileSystem({ '/f': '' }).change('/f', { length: 1536 });
  t.is((await runCli(fs, ['ls', '-h', '/f'])).stdout, `-rw-r--r--   3 alice staff      1.5 K ${when} /f\n`);
});

test('-R → a directory before what is in it, without counts', async (t) => {
  const fs = fakeFileSystem({ '/d/b/x': '', '/d/a': '', '/d/c': '' });
  t.is((await runCli(fs, ['ls', '-R', '-C', '/d'])).stdout, '/d/a\n/d/b\n/d/b/x\n/d/c\n');
});

test('-t, -S, -r, -u → order', async (t) => {
  const fs = fakeFileSystem({ '/d/a': '1', '/d/b': '333', '/d/c': '22' })
    .change('/d/a', { modificationTimeMs: NOW_MS + 3, accessTimeMs: 1 })
    .change('/d/b', { modificationTimeMs: NOW_MS + 1, accessTimeMs: 2 })
    .change('/d/c', { modificationTimeMs: NOW_MS + 2, accessTimeMs: 3 });
  const order = async (...flags: string[]) =>
    (await runCli(fs, ['ls', '-C', ...flags, '/d'])).stdout.replaceAll('/d/', '').replaceAll('\n', '');
  t.is(await order(), 'abc');
  t.is(await order('-t'), 'acb');
  t.is(await order('-t', '-r'), 'bca');
  t.is(await order('-S'), 'bca');
  t.is(await order('-r'), 'cba');
  t.is(await order('-t', '-u'), 'cba');
  t.is(await order('-R', '-S', '-r'), 'acb');
});

test('-q → ? for what cannot be printed', async (t) => {
  t.is((await runCli(fakeFileSystem({ '/a\nb\u{7}': '' }), ['ls', '-q', '-C', '/'])).stdout, '/a?b?\n');
});

test('a directory that may not be read is told about, the others are listed', async (t) => {
  const fs = fakeFileSystem({ '/d/locked/x': '', '/d/open/y': '' }).change('/d/locked', { mode: 0 });
  const { code, stdout, stderr } = await runCli(fs, ['ls', '-R', '-C', '/d']);
  t.is(code, 1);
  t.is(stdout, '/d/locked\n/d/open\n/d/open/y\n');
  t.is(stderr, 'ls: Permission denied: user=u, access=READ_EXECUTE, inode="/d/locked"\n');
});

test('--json → an array with everything known', async (t) => {
  const fs = fakeFileSystem({ '/d/ü b': 'hello', '/d/sub/x': '' });
  const { stdout } = await runCli(fs, ['ls', '--json', '/d']);
  const [sub, file] = JSON.parse(stdout) as unknown[];
  t.like(sub, { path: '/d/sub', type: 'directory', permission: 'rwxr-xr-x', replication: 0, children: 1 });
  t.like(file, {
    path: '/d/ü b',
    type: 'file',
    length: 5,
    replication: 3,
    blockSize: 134_217_728,
    permission: 'rw-r--r--',
    owner: 'alice',
    group: 'staff',
    modificationTimeMs: NOW_MS,
  });
  t.deepEqual(JSON.parse((await runCli(fakeFileSystem({ '/d': null }), ['ls', '--json', '/d'])).stdout), []);
});

test('--json → valid JSON also when something is missing', async (t) => {
  const { stdout, code } = await runCli(fakeFileSystem(), ['ls', '--json', '/x']);
  t.is(code, 1);
  t.deepEqual(JSON.parse(stdout), []);
});

test('patterns → everything that matches, in order', async (t) => {
  const fs = fakeFileSystem({ '/d/a1': '', '/d/a2': '', '/d/b1': '', '/e/a1': '', '/f a/ü': '' });
  const listed = async (...paths: string[]) =>
    (await runCli(fs, ['ls', '-d', '-C', ...paths])).stdout.split('\n').slice(0, -1);
  t.deepEqual(await listed('/d/a*'), ['/d/a1', '/d/a2']);
  t.deepEqual(await listed('/*/a1'), ['/d/a1', '/e/a1']);
  t.deepEqual(await listed('/d/[ab]1'), ['/d/a1', '/d/b1']);
  t.deepEqual(await listed('/{d,e}/a1'), ['/d/a1', '/e/a1']);
  t.deepEqual(await listed('/{d/b1,e}'), ['/d/b1', '/e']);
  t.deepEqual(await listed('/f*/?'), ['/f a/ü']);
  t.deepEqual(await listed('hdfs:///d/b*'), ['hdfs:///d/b1']);
});

test('a pattern without a match → No such file or directory', async (t) => {
  const { code, stderr } = await runCli(fakeFileSystem({ '/d/a': '' }), ['ls', '/d/z*']);
  t.is(code, 1);
  t.is(stderr, "ls: `/d/z*': No such file or directory\n");
});

test('relative patterns start from the home directory', async (t) => {
  const fs = fakeFileSystem({ '/user/alice/a/1': '', '/user/alice/b/1': '' });
  t.is((await runCli(fs, ['ls', '-C', '*/1'])).stdout, 'a/1\nb/1\n');
});

test('a name with pattern characters is found by itself, and by escaping it', async (t) => {
  const fs = fakeFileSystem({ '/d/a[1].txt': '', '/d/*': '' });
  t.is((await runCli(fs, ['ls', '-C', '/d/a[1].txt'])).stdout, '/d/a[1].txt\n');
  t.is((await runCli(fs, ['ls', '-C', '/d/\\*'])).stdout, '/d/*\n');
});

test('more entries than are held back are all printed', async (t) => {
  const names = Array.from({ length: 10_050 }, (_, i) => `/d/${String(i).padStart(5, '0')}`);
  const fs = fakeFileSystem(Object.fromEntries(names.map((name) => [name, ''])));
  const lines = (await runCli(fs, ['ls', '/d'])).stdout.split('\n');
  t.is(lines[0], 'Found 10050 items');
  t.deepEqual(
    lines.slice(1, -1).map((line) => line.slice(line.lastIndexOf(' ') + 1)),
    names,
  );
});
