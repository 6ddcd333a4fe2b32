import { gzipSync } from 'node:zlib';
import test from 'ava';
import { NOW_MS } from './fake-file-system.js';
import { fakeFileSystem, runCli } from './run-cli.js';

const NOT_FOUND = 'No such file or directory';

// ---- cat, text, head, tail ---------------------------------------------------------------------------------------------

test('cat → all files, one after the other, byte for byte', async (t) => {
  const fs = fakeFileSystem({ '/a': 'x'.repeat(5000), '/b': '', '/c': 'ü\0\n' });
  t.is((await runCli(fs, ['cat', '/a', '/b', '/c'])).stdout, `${'x'.repeat(5000)}ü\0\n`);
});

test('cat of a directory and of nothing → errors, and the others are printed', async (t) => {
  const { code, stdout, stderr } = await runCli(fakeFileSystem({ '/d': null, '/f': 'f' }), ['cat', '/d', '/x', '/f']);
  t.is(code, 1);
  t.is(stdout, 'f');
  t.is(stderr, `cat: \`/d': Is a directory\ncat: \`/x': ${NOT_FOUND}\n`);
});

test('text → gzipped files are unpacked, others are as they are', async (t) => {
  const long = 'line\n'.repeat(10_000);
  const fs = fakeFileSystem({ '/a.gz': gzipSync(long), '/b': 'plain', '/c': '' });
  t.is((await runCli(fs, ['text', '/a.gz', '/b', '/c'])).stdout, `${long}plain`);
});

test('text of a damaged gzip file → an error', async (t) => {
  const { code, stderr } = await runCli(fakeFileSystem({ '/a.gz': gzipSync('x'.repeat(100)).subarray(0, 20) }), [
    'text',
    '/a.gz',
  ]);
  t.is(code, 1);
  t.regex(stderr, /^text: unexpected end of file/);
});

test('head and tail → the first and the last kilobyte', async (t) => {
  const content = Array.from({ length: 3000 }, (_, i) => String.fromCharCode(97 + (i % 26))).join('');
  const fs = fakeFileSystem({ '/long': content, '/short': 'abc', '/empty': '' });
  t.is((await runCli(fs, ['head', '/long'])).stdout, content.slice(0, 1024));
  t.is((await runCli(fs, ['tail', '/long'])).stdout, content.slice(-1024));
  for (const verb of ['head', 'tail']) {
    t.is((await runCli(fs, [verb, '/short'])).stdout, 'abc');
    t.deepEqual(await runCli(fs, [verb, '/empty']), { code: 0, stdout: '', stderr: '', namenodes: ['127.0.0.1:8020'] });
    t.regex((await runCli(fs, [verb, '/'])).stderr, /`\/': Is a directory/);
  }
});

test('tail -f → what is added is printed, until it is stopped', async (t) => {
  const fs = fakeFileSystem({ '/log': 'one\n' });
  const stop = new AbortController();
  let printed = '';
  const stdout = {
    write: async (bytes: Uint8Array) => {
      printed += Buffer.from(bytes).toString();
      if (printed === 'one\n') fs.with({ '/log': 'one\ntwo\n' });
      else stop.abort(new Error('stop'));
    },
  };
  await t.throwsAsync(runCli(fs, ['tail', '-f', '-s', '1', '/log'], { environment: { stdout, signal: stop.signal } }), {
    message: 'stop',
  });
  t.is(printed, 'one\ntwo\n');
});

// ---- stat, test, find, checksum ----------------------------------------------------------------------------------------

test('stat → the time of the last change, in UTC', async (t) => {
  t.is((await runCli(fakeFileSystem({ '/f': '' }), ['stat', '/f'])).stdout, '2026-01-02 03:04:05\n');
});

test('stat with a format', async (t) => {
  const fs = fakeFileSystem({ '/d/f ü': 'hello' }).change('/d', { mode: 0o1777 });
  const format = '%a %A %b %F %g %n %o %r %u %x %X %y %Y %% %z %';
  t.is(
    (await runCli(fs, ['stat', format, '/d/f ü'])).stdout,
    `644 rw-r--r-- 5 regular file staff f ü 134217728 3 alice 2026-01-01 03:04:05 ${NOW_MS - 86_400_000} 2026-01-02 03:04:05 ${NOW_MS} % z \n`,
  );
  t.is(
    (await runCli(fs, ['stat', '%a %A %F %n', '/d', '/'])).stdout,
    '1777 rwxrwxrwt directory d\n755 rwxr-xr-x directory \n',
  );
  t.is((await runCli(fs, ['stat', '-R', '%n', '/d'])).stdout, 'd\nf ü\n');
});

test('stat --json', async (t) => {
  const { stdout } = await runCli(fakeFileSystem({ '/f': 'abc' }), ['stat', '--json', '/f']);
  t.like((JSON.parse(stdout) as unknown[])[0], { path: '/f', type: 'file', length: 3, underConstruction: false });
});

test('test → the answer is the exit code', async (t) => {
  const fs = fakeFileSystem({ '/f': 'x', '/empty': '', '/d': null });
  const answers = async (flag: string) =>
    (await Promise.all(['/f', '/empty', '/d', '/x'].map((path) => runCli(fs, ['test', flag, path]))))
      .map(({ code }) => code)
      .join('');
  t.is(await answers('-e'), '0001');
  t.is(await answers('-f'), '0011');
  t.is(await answers('-d'), '1101');
  t.is(await answers('-s'), '0111');
  t.is(await answers('-z'), '1001');
});

test('test -r and -w → by the permission bits', async (t) => {
  const fs = fakeFileSystem({ '/mine': '', '/theirs': '' })
    .change('/', { owner: 'root' })
    .change('/mine', { mode: 0o200 })
    .change('/theirs', { owner: 'bob', group: 'a-group-of-nobody', mode: 0o774 });
  const code = async (...args: string[]) => (await runCli(fs, ['test', ...args])).code;
  t.is(await code('-r', '/mine'), 1);
  t.is(await code('-w', '/mine'), 0);
  t.is(await code('-r', '/theirs'), 0);
  t.is(await code('-w', '/theirs'), 1);
  fs.change('/', { owner: 'alice' });
  t.is(await code('-w', '/theirs'), 0);
});

test('test takes exactly one flag', async (t) => {
  t.regex((await runCli(fakeFileSystem(), ['test', '/'])).stderr, /^test: no test flag given/);
  t.is((await runCli(fakeFileSystem(), ['test', '-e', '-d', '/'])).code, 255);
});

test('find → everything below, or what fits', async (t) => {
  const fs = fakeFileSystem({ '/d/a.txt': '', '/d/e/B.TXT': '', '/d/e/c': '' });
  const found = async (...args: string[]) => (await runCli(fs, ['find', ...args])).stdout.split('\n').slice(0, -1);
  t.deepEqual(await found('/d'), ['/d', '/d/a.txt', '/d/e', '/d/e/B.TXT', '/d/e/c']);
  t.deepEqual(await found('/d', '-name', '*.txt'), ['/d/a.txt']);
  t.deepEqual(await found('/d', '-iname', '*.txt', '-print'), ['/d/a.txt', '/d/e/B.TXT']);
  t.deepEqual(await found('/d', '-name', '{c,a*}'), ['/d/a.txt', '/d/e/c']);
  t.deepEqual(await found('/d', '-iname', '*t', '-and', '-name', 'B*'), ['/d/e/B.TXT']);
  t.is((await runCli(fs, ['find', '/d/e', '-print0'])).stdout, '/d/e\0/d/e/B.TXT\0/d/e/c\0');
  const json = JSON.parse((await runCli(fs, ['find', '/d', '-name', 'c', '--json'])).stdout) as unknown[];
  t.like(json[0], { path: '/d/e/c', type: 'file' });
});

test('checksum → path, algorithm, hexadecimal', async (t) => {
  const { code, stdout, stderr } = await runCli(fakeFileSystem({ '/f': 'abc' }), ['checksum', '/f', '/']);
  t.is(stdout, '/f\tCOMPOSITE-CRC32C\t03020304\n');
  t.is(stderr, "checksum: `/': Is a directory\n");
  t.is(code, 1);
});

// ---- du, df, count -----------------------------------------------------------------------------------------------------

test('du → each entry with its size and that of all replicas', async (t) => {
  const fs = fakeFileSystem({ '/d/a': 'x'.repeat(1536), '/d/e/b': 'yy', '/d/e/c': 'z' });
  t.is((await runCli(fs, ['du', '/d'])).stdout, '1536  4608  /d/a\n3     9     /d/e\n');
  t.is((await runCli(fs, ['du', '-s', '/d'])).stdout, '1539  4617  /d\n');
  t.is((await runCli(fs, ['du', '-h', '/d/a'])).stdout, '1.5 K  4.5 K  /d/a\n');
  t.is(
    (await runCli(fs, ['du', '-v', '-s', '/d'])).stdout,
    'SIZE  DISK_SPACE_CONSUMED_WITH_ALL_REPLICAS  FULL_PATH_NAME\n1539  4617                                   /d\n',
  );
  t.deepEqual(JSON.parse((await runCli(fs, ['du', '--json', '-s', '/d'])).stdout), [
    { path: '/d', length: 1539, spaceConsumed: 4617 },
  ]);
});

test("df → HDFS's table", async (t) => {
  t.is(
    (await runCli(fakeFileSystem(), ['df'])).stdout,
    'Filesystem             Size  Used  Available  Use%\nhdfs://127.0.0.1:8020  4000  1000       2000   25%\n',
  );
  t.regex((await runCli(fakeFileSystem(), ['df', '-h', '/'])).stdout, /3\.9 K {2}1000 {6}2\.0 K {3}25%/);
  t.deepEqual(JSON.parse((await runCli(fakeFileSystem(), ['df', '--json'])).stdout), [
    { filesystem: 'hdfs://127.0.0.1:8020', capacityBytes: 4000, usedBytes: 1000, remainingBytes: 2000 },
  ]);
});

test('count → directories, files, bytes', async (t) => {
  const fs = fakeFileSystem({ '/d/a': 'xx', '/d/e/b': 'y' });
  t.is((await runCli(fs, ['count', '/d'])).stdout, '           2            2                  3 /d\n');
  t.is(
    (await runCli(fs, ['count', '-q', '-v', '/d'])).stdout,
    '       QUOTA       REM_QUOTA     SPACE_QUOTA REM_SPACE_QUOTA    DIR_COUNT   FILE_COUNT       CONTENT_SIZE PATHNAME\n' +
      '        none             inf            none             inf            2            2                  3 /d\n',
  );
  t.deepEqual(JSON.parse((await runCli(fs, ['count', '--json', '/d'])).stdout), [
    { path: '/d', directoryCount: 2, fileCount: 2, length: 3, spaceConsumed: 9 },
  ]);
});

test('count -q, -u → quotas and what is left of them, as HDFS has it', async (t) => {
  const fs = fakeFileSystem({ '/d/a': 'xx', '/d/e/b': 'y' });
  const usage = { namesUsed: 4, spaceUsed: 3_000 };
  fs.quotas.set('/d', { names: 10, space: 2_048, ...usage });
  const counts = '           2            2                  3 /d\n';
  t.is(
    (await runCli(fs, ['count', '-q', '/d'])).stdout,
    `          10               6            2048            -952 ${counts}`,
  );
  t.is(
    (await runCli(fs, ['count', '-q', '-h', '/d'])).stdout,
    `          10               6             2 K            -952 ${counts}`,
  );
  t.is(
    (await runCli(fs, ['count', '-u', '-v', '/d'])).stdout,
    '       QUOTA       REM_QUOTA     SPACE_QUOTA REM_SPACE_QUOTA PATHNAME\n' +
      '          10               6            2048            -952 /d\n',
  );
  fs.quotas.set('/d', { names: 10, space: undefined, ...usage });
  t.is(
    (await runCli(fs, ['count', '-q', '/d'])).stdout,
    `          10               6            none             inf ${counts}`,
  );
  const { quota } = JSON.parse((await runCli(fs, ['count', '--json', '/d'])).stdout)[0];
  t.deepEqual(quota, { names: 10, ...usage });
});
