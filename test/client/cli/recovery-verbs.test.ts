import test from 'ava';
import { fakeFileSystem, runCli } from './run-cli.js';

test('truncate → the file is shorter; when DataNodes have to cut, it says so', async (t) => {
  const fs = fakeFileSystem({ '/f': 'hello', '/d': null });
  t.is((await runCli(fs, ['truncate', '3', '/f'])).stdout, 'Truncated /f to length: 3\n');
  fs.closings.push(false);
  t.is(
    (await runCli(fs, ['truncate', '2', '/f'])).stdout,
    'Truncating /f to length: 2. Wait for block recovery to complete before further updating the file.\n',
  );
  t.is((await fs.stat('/f')).length, 2);
  fs.closings.push(false);
  t.is((await runCli(fs, ['truncate', '-w', '1', '/f'])).stdout, 'Waiting for /f ...\nTruncated /f to length: 1\n');
  t.is((await runCli(fs, ['truncate', '1', '/d'])).code, 1);
  t.is((await runCli(fs, ['truncate', '1', '/x'])).code, 1);
  for (const args of [['-1', '/f'], ['x', '/f'], ['1']]) t.is((await runCli(fs, ['truncate', ...args])).code, 255);
});

test('concat → one file, the sources are gone; nothing is done when one is missing', async (t) => {
  const fs = fakeFileSystem({ '/a': '1', '/b': '2', '/c': '3' });
  t.is((await runCli(fs, ['concat', '/a', '/b', '/x'])).code, 1);
  t.is((await runCli(fs, ['concat', '/x', '/b'])).code, 1);
  t.is((await runCli(fs, ['concat', '/a'])).code, 255);
  t.deepEqual(fs.paths(), ['/a', '/b', '/c']);
  t.is((await runCli(fs, ['concat', '/a', '/c', '/b'])).code, 0);
  t.deepEqual(fs.paths(), ['/a']);
  t.is((await runCli(fs, ['cat', '/a'])).stdout, '132');
});

test('debug recoverLease → asks until the file is closed, or as often as it may', async (t) => {
  const fs = fakeFileSystem({ '/f': '' });
  const args = ['debug', 'recoverLease', '-path', '/f'];
  t.is((await runCli(fs, args)).stdout, 'recoverLease SUCCEEDED on /f\n');
  fs.closings.push(false, true);
  const { code, stderr } = await runCli(fs, args);
  t.is(code, 1);
  t.regex(stderr, /Giving up on recoverLease after 1 try/);
  t.is((await runCli(fs, ['debug', 'recoverLease'])).code, 255);
  t.is((await runCli(fs, [...args, '-retries', '0'])).code, 255);
  t.is((await runCli(fs, ['debug', 'recoverLease', '-path', '/x'])).code, 1);
});
