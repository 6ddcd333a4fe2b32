import test from 'ava';
import { fakeFileSystem, runCli } from './run-cli.js';

const NOT_FOUND = 'No such file or directory';

async function fails(
  t: { is(a: unknown, b: unknown, message?: string): boolean },
  fs: ReturnType<typeof fakeFileSystem>,
  args: string[],
  problem: string,
) {
  const { code, stderr } = await runCli(fs, args);
  t.is(stderr, `${args[0]}: ${problem}\n`, args.join(' '));
  t.is(code, 1, args.join(' '));
}

// ---- mkdir, rmdir, rm --------------------------------------------------------------------------------------------------

test('mkdir → directories; their parents must exist', async (t) => {
  const fs = fakeFileSystem({ '/f': '' });
  t.is((await runCli(fs, ['mkdir', '/d', '/d/e', '/ü b'])).code, 0);
  t.deepEqual(fs.paths(), ['/d', '/d/e', '/f', '/ü b']);
  await fails(t, fs, ['mkdir', '/d'], "`/d': File exists");
  await fails(t, fs, ['mkdir', '/f'], "`/f': File exists");
  await fails(t, fs, ['mkdir', '/x/y'], `\`/x/y': ${NOT_FOUND}`);
  await fails(t, fs, ['mkdir', '/f/y'], "`/f/y': Is not a directory");
});

test('mkdir -p → parents too, and directories may exist', async (t) => {
  const fs = fakeFileSystem({ '/f': '' });
  t.is((await runCli(fs, ['mkdir', '-p', '/d/e/f', '/d', 'home'])).code, 0);
  t.deepEqual(fs.paths(), ['/d', '/d/e', '/d/e/f', '/f', '/user', '/user/alice', '/user/alice/home']);
  await fails(t, fs, ['mkdir', '-p', '/f'], "`/f': Is not a directory");
});

test('mkdir of a name with pattern characters', async (t) => {
  const fs = fakeFileSystem();
  await runCli(fs, ['mkdir', '/a[1]', '/\\*']);
  t.deepEqual(fs.paths(), ['/*', '/a[1]']);
});

test('rmdir → empty directories only', async (t) => {
  const fs = fakeFileSystem({ '/d/e': null, '/f': '' });
  await fails(t, fs, ['rmdir', '/d'], "`/d': Directory is not empty");
  await fails(t, fs, ['rmdir', '/f'], "`/f': Is not a directory");
  await fails(t, fs, ['rmdir', '/x'], `\`/x': ${NOT_FOUND}`);
  t.deepEqual(
    await runCli(fs, ['rmdir', '--ignore-fail-on-non-empty', '/d']).then(({ code, stderr }) => [code, stderr]),
    [0, ''],
  );
  t.is((await runCli(fs, ['rmdir', '/d/e', '/d'])).code, 0);
  t.deepEqual(fs.paths(), ['/f']);
});

test('rm → files, with -r directories', async (t) => {
  const fs = fakeFileSystem({ '/d/e/f': '', '/f': '' });
  await fails(t, fs, ['rm', '/d'], "`/d': Is a directory");
  await fails(t, fs, ['rm', '/x'], `\`/x': ${NOT_FOUND}`);
  t.is((await runCli(fs, ['rm', '-r', '-skipTrash', '/d', '/f'])).stdout, 'Deleted /d\nDeleted /f\n');
  t.deepEqual(fs.paths(), []);
});

test('rm -f → nothing there is no error', async (t) => {
  t.deepEqual(await runCli(fakeFileSystem(), ['rm', '-f', '/x', '/y*']), {
    code: 0,
    stdout: '',
    stderr: '',
    namenodes: ['127.0.0.1:8020'],
  });
});

test('rm with a pattern → what matches, and nothing else', async (t) => {
  const fs = fakeFileSystem({ '/a1': '', '/a2': '', '/b': '' });
  t.is((await runCli(fs, ['rm', '/a*'])).stdout, 'Deleted /a1\nDeleted /a2\n');
  t.deepEqual(fs.paths(), ['/b']);
});

// ---- mv, cp ------------------------------------------------------------------------------------------------------------

test('mv → a new name, or into a directory', async (t) => {
  const fs = fakeFileSystem({ '/a': 'A', '/d': null });
  await runCli(fs, ['mv', '/a', '/b']);
  t.is(fs.content('/b'), 'A');
  await runCli(fs, ['mv', '/b', '/d']);
  t.deepEqual(fs.paths(), ['/d', '/d/b']);
  await runCli(fs, ['mv', '/d', '/e']);
  t.deepEqual(fs.paths(), ['/e', '/e/b']);
});

test('mv of several → into a directory only', async (t) => {
  const fs = fakeFileSystem({ '/a': '', '/b': '', '/c': '', '/d': null });
  await fails(t, fs, ['mv', '/a', '/b', '/c'], "`/c': Is not a directory");
  await fails(t, fs, ['mv', '/a', '/b', '/x'], `\`/x': ${NOT_FOUND}`);
  t.is((await runCli(fs, ['mv', '/a', '/b', '/d'])).code, 0);
  t.deepEqual(fs.paths(), ['/c', '/d', '/d/a', '/d/b']);
});

test('mv never replaces anything', async (t) => {
  const fs = fakeFileSystem({ '/a': '', '/b': '', '/d/a': '' });
  await fails(t, fs, ['mv', '/a', '/b'], "`/b': File exists");
  await fails(t, fs, ['mv', '/a', '/d'], "`/d/a': File exists");
  await fails(t, fs, ['mv', '/a', '/x/y'], `\`/x/y': ${NOT_FOUND}`);
  await fails(t, fs, ['mv', '/x', '/y'], `\`/x': ${NOT_FOUND}`);
});

test('a directory is neither moved nor copied into itself', async (t) => {
  const fs = fakeFileSystem({ '/d/e': null });
  for (const verb of ['mv', 'cp']) {
    await fails(t, fs, [verb, '/d', '/d/e'], "`/d' to `/d/e/d': is a subdirectory of itself");
    await fails(t, fs, [verb, '/d', '/'], "`/d' to `/d': are identical");
  }
});

test('cp → files and whole trees', async (t) => {
  const fs = fakeFileSystem({ '/a': 'A', '/d/b': 'B', '/d/e/c': 'C', '/d/empty': null });
  t.is((await runCli(fs, ['cp', '/a', '/a2'])).code, 0);
  t.is(fs.content('/a2'), 'A');
  t.is((await runCli(fs, ['cp', '/d', '/copy'])).code, 0);
  t.is((await runCli(fs, ['cp', '/a', '/d', '/copy'])).code, 0);
  t.deepEqual(
    fs.paths().filter((path) => path.startsWith('/copy')),
    [
      '/copy',
      '/copy/a',
      '/copy/b',
      '/copy/d',
      '/copy/d/b',
      '/copy/d/e',
      '/copy/d/e/c',
      '/copy/d/empty',
      '/copy/e',
      '/copy/e/c',
      '/copy/empty',
    ],
  );
  t.is(fs.content('/copy/d/e/c'), 'C');
});

test('cp replaces files only with -f, and keeps attributes only with -p', async (t) => {
  const fs = fakeFileSystem({ '/a': 'new', '/b': 'old' }).change('/a', {
    mode: 0o600,
    owner: 'bob',
    modificationTimeMs: 1,
  });
  await fails(t, fs, ['cp', '/a', '/b'], "`/b': File exists");
  await runCli(fs, ['cp', '-f', '/a', '/b']);
  t.is(fs.content('/b'), 'new');
  t.like(fs.statusOf('/b'), { mode: 0o644, owner: 'alice' });
  await runCli(fs, ['cp', '-f', '-p', '/a', '/b']);
  t.like(fs.statusOf('/b'), { mode: 0o600, owner: 'bob', modificationTimeMs: 1 });
});

// ---- touch, touchz -----------------------------------------------------------------------------------------------------

test('touch → new empty files, and new times for those that exist', async (t) => {
  const fs = fakeFileSystem({ '/old': 'x' }).change('/old', { modificationTimeMs: 1, accessTimeMs: 2 });
  t.is((await runCli(fs, ['touch', '/new', '/old'])).code, 0);
  t.is(fs.content('/new'), '');
  t.is(fs.content('/old'), 'x');
  t.true(fs.statusOf('/old').modificationTimeMs > 1_700_000_000_000);
  await fails(t, fs, ['touch', '/x/y'], `\`/x/y': ${NOT_FOUND}`);
  await fails(t, fs, ['touch', '/'], "`/': Is a directory");
});

test('touch -a, -m, -t, -c', async (t) => {
  const fs = fakeFileSystem({ '/f': '' }).change('/f', { modificationTimeMs: 1, accessTimeMs: 2 });
  const timeMs = new Date(2026, 0, 2, 3, 4, 5).getTime();
  await runCli(fs, ['touch', '-a', '-t', '20260102:030405', '/f']);
  t.like(fs.statusOf('/f'), { modificationTimeMs: 1, accessTimeMs: timeMs });
  await runCli(fs, ['touch', '-m', '-t', '20260102:030405', '/f', '/new']);
  t.like(fs.statusOf('/f'), { modificationTimeMs: timeMs, accessTimeMs: timeMs });
  t.like(fs.statusOf('/new'), { modificationTimeMs: timeMs });
  t.is((await runCli(fs, ['touch', '-c', '/none'])).code, 0);
  t.deepEqual(fs.paths(), ['/f', '/new']);
  for (const time of ['20260230:000000', '2026', '20260102030405']) {
    t.regex((await runCli(fs, ['touch', '-t', time, '/f'])).stderr, /is not a time: it must be yyyyMMdd:HHmmss/);
  }
});

test('touchz → empty files, never over bytes', async (t) => {
  const fs = fakeFileSystem({ '/full': 'x', '/empty': '', '/d': null });
  t.is((await runCli(fs, ['touchz', '/empty', '/new'])).code, 0);
  await fails(t, fs, ['touchz', '/full'], "`/full': Not a zero-length file");
  await fails(t, fs, ['touchz', '/d'], "`/d': Is a directory");
  await fails(t, fs, ['touchz', '/x/y'], `\`/x/y': ${NOT_FOUND}`);
  t.deepEqual(fs.paths(), ['/d', '/empty', '/full', '/new']);
});

// ---- chmod, chown, chgrp, setrep ---------------------------------------------------------------------------------------

test('chmod → octal and symbolic, with -R all below', async (t) => {
  const fs = fakeFileSystem({ '/d/f': '' });
  await runCli(fs, ['chmod', '700', '/d']);
  t.is(fs.statusOf('/d').mode, 0o700);
  await runCli(fs, ['chmod', '-R', 'a+rX', '/d']);
  t.is(fs.statusOf('/d').mode, 0o755);
  t.is(fs.statusOf('/d/f').mode, 0o644);
  for (const args of [
    ['-w', '/d/f'],
    ['-R', '-w', '/d/f'],
    ['-w', '-R', '/d/f'],
  ]) {
    fs.change('/d/f', { mode: 0o666 });
    t.is((await runCli(fs, ['chmod', ...args])).code, 0, args.join(' '));
    t.is(fs.statusOf('/d/f').mode, 0o444, args.join(' '));
  }
});

test("chmod with a wrong mode → HDFS's words, exit code 255", async (t) => {
  const { code, stderr } = await runCli(fakeFileSystem({ '/f': '' }), ['chmod', 'u+z', '/f']);
  t.is(code, 255);
  t.regex(stderr, /^chmod: mode 'u\+z' does not match the expected pattern\./);
});

test('chown and chgrp → owner, group, or both', async (t) => {
  const fs = fakeFileSystem({ '/d/f': '' });
  const ownership = (path: string) => `${fs.statusOf(path).owner}:${fs.statusOf(path).group}`;
  await runCli(fs, ['chown', 'bob', '/d']);
  t.is(ownership('/d'), 'bob:staff');
  await runCli(fs, ['chown', ':ops', '/d']);
  t.is(ownership('/d'), 'bob:ops');
  await runCli(fs, ['chown', '-R', 'carol:dev', '/d']);
  t.deepEqual([ownership('/d'), ownership('/d/f')], ['carol:dev', 'carol:dev']);
  await runCli(fs, ['chgrp', 'qa', '/d/f']);
  t.is(ownership('/d/f'), 'carol:qa');
  t.is((await runCli(fs, ['chown', 'a b', '/d'])).code, 255);
  t.regex((await runCli(fs, ['chown', ':', '/d'])).stderr, /':' does not specify owner or group/);
  t.regex((await runCli(fs, ['chgrp', 'a:b', '/d'])).stderr, /does not match expected pattern for group/);
});

test('a refused change of ownership is told per path', async (t) => {
  const fs = fakeFileSystem({ '/f': '', '/g': '' });
  const { code, stderr } = await runCli(fs, ['chown', 'nobody-knows', '/f', '/g']);
  t.is(code, 1);
  const why = 'Permission denied. user=u is not the superuser';
  t.is(stderr, `chown: changing ownership of '/f': ${why}\nchown: changing ownership of '/g': ${why}\n`);
});

test('setrep → files, and all files below directories', async (t) => {
  const fs = fakeFileSystem({ '/d/a': '', '/d/e/b': '' });
  t.is((await runCli(fs, ['setrep', '2', '/d'])).stdout, 'Replication 2 set: /d/a\nReplication 2 set: /d/e/b\n');
  t.is(fs.statusOf('/d/e/b').replication, 2);
  for (const count of ['0', 'x', '-1', '1.5']) t.is((await runCli(fs, ['setrep', count, '/d'])).code, 255, count);
});

test('setrep -w → waits for the replicas', async (t) => {
  const fs = fakeFileSystem({ '/f': '' });
  t.is((await runCli(fs, ['setrep', '-w', '2', '/f'])).stdout, 'Replication 2 set: /f\nWaiting for /f ... done\n');
});
