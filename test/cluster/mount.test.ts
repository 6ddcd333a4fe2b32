/** Ordinary programs in a mount of a real cluster. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import { PACKAGE_ROOT } from '../../client/cluster/package-root.js';
import { mountedAt } from '../../client/fuse/mount-table.js';
import { sharedCluster, waitFor } from './harness.js';
import { sha256 } from './support/files.js';
import { mount, testWithDrivers } from './support/mounted.js';

const MIB = 1024 ** 2;

const cluster = sharedCluster(anyTest, { datanodes: 3, settings: { 'dfs.blocksize': '1m', 'dfs.ls.limit': '50' } });

const test = testWithDrivers(anyTest);

function localDirectory(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'dfs-local-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function readAll(path: string): Promise<Buffer> {
  const reader = await (await cluster().sdk()).open(path);
  return await reader.read(0, reader.length);
}

test('files and directories are made, listed, renamed and removed', async (t, driver) => {
  const { sh } = bound(t, await mount(t, cluster(), driver));
  await sh(`
    mkdir -p names/a/b; echo one > names/a/b/file; test "$(cat names/a/b/file)" = one
    mv names/a/b/file names/moved; test ! -e names/a/b/file
    echo two > names/other; mv names/other names/moved; test "$(cat names/moved)" = two
    mv names/a names/dir; test -d names/dir/b
    refused rmdir names/dir; rmdir names/dir/b names/dir
    test "$(ls names)" = moved
    rm names/moved; rmdir names
    refused ls names`);
  await sh(
    'mkdir many; cd many; touch $(seq 1 260); test $(ls | wc -l) = 260; test $(ls -a | wc -l) = 262; cd ..; rm -r many',
  );
  await sh(`touch 'bläßhuhn' ' blank' 'a"b'; ls | grep -qx 'bläßhuhn'; rm 'bläßhuhn' ' blank' 'a"b'`);
});

test('what is written here is what other clients read, and the other way round', async (t, driver) => {
  const mounted = await mount(t, cluster(), driver);
  const { sh } = bound(t, mounted);
  const local = localDirectory(t);
  const bytes = randomBytes(5 * MIB + 123);
  await writeFile(join(local, 'bytes'), bytes);
  await sh(
    'cp "$LOCAL/bytes" copied; cmp copied "$LOCAL/bytes"; dd if="$LOCAL/bytes" of=fsynced bs=64k conv=fsync status=none',
    { LOCAL: local },
  );
  t.is(sha256(await readAll('/copied')), sha256(bytes));
  t.is(sha256(await readAll('/fsynced')), sha256(bytes));
  const fs = await cluster().sdk();
  const writer = await fs.create('/from-sdk', { overwrite: true });
  await writer.write(bytes);
  await writer.close();
  await sh('cmp from-sdk "$LOCAL/bytes"; test $(stat -c %s from-sdk) = 5243003', { LOCAL: local });
});

test('bytes in the middle change, and the blocks around them stay', async (t, driver) => {
  const { sh } = bound(t, await mount(t, cluster(), driver));
  const local = localDirectory(t);
  const bytes = randomBytes(4 * MIB);
  await writeFile(join(local, 'f'), bytes);
  await sh('cp "$LOCAL/f" random', { LOCAL: local });
  const fs = await cluster().sdk();
  const blocksBefore = await fs.getBlockLocations('/random', 0, 4 * MIB);
  const { fileId } = await fs.stat('/random');
  await sh(
    `for file in random "$LOCAL/f"; do
       printf changed | dd of="$file" bs=1 seek=1500000 conv=notrunc status=none
       printf over-the-edge | dd of="$file" bs=1 seek=2097147 conv=notrunc status=none
     done
     cmp random "$LOCAL/f"`,
    { LOCAL: local },
  );
  const blocks = await fs.getBlockLocations('/random', 0, 4 * MIB);
  t.is((await fs.stat('/random')).fileId, fileId);
  const ids = blocks.map(({ block }) => block.blockId);
  const kept = blocksBefore.map(({ block }) => ids.includes(block.blockId));
  t.deepEqual(kept, [true, false, false, true]);
});

test('files grow at their end, are cut, and are made longer', async (t, driver) => {
  const { sh } = bound(t, await mount(t, cluster(), driver));
  await sh(`
    for i in $(seq 1 20); do echo line $i >> log; done
    test $(wc -l < log) = 20; test "$(tail -1 log)" = 'line 20'
    truncate -s 6 log; test "$(cat log)" = 'line 1'
    truncate -s 10 log; test $(stat -c %s log) = 10
    echo anew > log; test "$(cat log)" = anew
    truncate -s 3000000 sparse; test $(tr -d '\\0' < sparse | wc -c) = 0; test $(stat -c %s sparse) = 3000000
    refused truncate -s 100T sparse; test $(stat -c %s sparse) = 3000000
    rm log sparse`);
});

test(
  'room that is allocated makes a file longer',
  async (t, driver) => {
    const { sh } = bound(t, await mount(t, cluster(), driver));
    await sh('fallocate -l 5000 allocated; test $(stat -c %s allocated) = 5000; rm allocated');
  },
  { 'fuse-native': 'it has no call for fallocate' },
);

test('a file that is removed, or renamed over, while it is open can be read and written until it is closed', async (t, driver) => {
  const { sh } = bound(t, await mount(t, cluster(), driver));
  await sh(`
    echo first > open; echo second > next
    exec 3< open 4<> next
    rm open
    test ! -e open; test "$(cat <&3)" = first
    echo third > new; mv new next
    test "$(cat next)" = third
    test "$(cat <&4)" = second; echo more >&4
    exec 3<&- 4<&-
    test "$(cat next)" = third`);
  const fs = await cluster().sdk();
  await waitFor(async () => {
    for await (const { path } of fs.list('/.dfs-mounts')) {
      let files = 0;
      for await (const { name } of fs.list(path)) files += name === 'alive' ? 0 : 1;
      if (files > 0) return false;
    }
    return true;
  }, 'the removed files to be gone from the cluster');
  t.pass();
});

test('owner, group, mode, times, links and attributes are kept', async (t, driver) => {
  const { sh } = bound(t, await mount(t, cluster(), driver));
  await sh(`
    umask 027; echo x > f; mkdir d; test "$(stat -c %a f d | xargs)" = '640 750'
    chmod 4711 f; test $(stat -c %a f) = 4711
    chown daemon:bin f; test "$(stat -c %U:%G f)" = daemon:bin
    chown 12345:54321 f; test "$(stat -c %u:%g f)" = 12345:54321
    touch -d '2001-02-03 04:05:06.789 UTC' f; test "$(TZ=UTC stat -c %y f)" = '2001-02-03 04:05:06.789000000 +0000'
    python3 -c 'import os; os.utime("f", (1000000000.5, 1100000000.25))'; test "$(stat -c '%.3X %.3Y' f)" = '1000000000.500 1100000000.250'
    cp -p f g; test "$(stat -c '%u %Y %a' g)" = "$(stat -c '%u %Y %a' f)"
    chmod g+s d; chgrp daemon d; touch d/inherits; mkdir d/sub; test "$(stat -c %G d/inherits)" = daemon; test $(stat -c %a d/sub) = 2750
    ln -s ../f d/link; test "$(readlink d/link)" = ../f; test "$(cat d/link)" = x; test -L d/link
    refused ln f hard; refused mkfifo pipe
    rm -r f g d`);
  await sh(`
    python3 - <<'P'
import errno, os
with open('attributes', 'w') as f: f.write('x')
os.setxattr('attributes', 'user.origin', b'here')
assert os.getxattr('attributes', 'user.origin') == b'here' and os.listxattr('attributes') == ['user.origin']
for work in (lambda: os.setxattr('attributes', 'user.origin', b'', os.XATTR_CREATE), lambda: os.getxattr('attributes', 'user.other')):
    try: work()
    except OSError as error: assert error.errno in (errno.EEXIST, errno.ENODATA), error
    else: raise AssertionError
os.removexattr('attributes', 'user.origin')
assert os.listxattr('attributes') == []
os.remove('attributes')
P`);
});

test(
  'times are kept to the nanosecond, and one of the two can be set alone',
  async (t, driver) => {
    const { sh } = bound(t, await mount(t, cluster(), driver));
    await sh(`
      touch f; touch -d '2001-02-03 04:05:06.123456789 UTC' f
      test "$(TZ=UTC stat -c %y f)" = '2001-02-03 04:05:06.123456789 +0000'
      touch -m -d @1200000000 f; test "$(stat -c '%X %Y' f)" = '981173106 1200000000'
      touch -a -d @1300000000 f; test "$(stat -c '%X %Y' f)" = '1300000000 1200000000'; rm f`);
  },
  { 'fuse-native': 'it has milliseconds, and is not told when only one time is to be set' },
);

test('errors are those that programs know', async (t, driver) => {
  const { sh } = bound(t, await mount(t, cluster(), driver));
  await sh(`
    python3 - <<'P'
import errno, os
def fails(number, work):
    try: work()
    except OSError as error: assert error.errno == number, error
    else: raise AssertionError(number)
os.mkdir('e')
open('e/f', 'w').close()
fails(errno.EEXIST, lambda: os.open('e/f', os.O_CREAT | os.O_EXCL))
fails(errno.ENAMETOOLONG, lambda: os.open('x' * 256, os.O_CREAT))
os.close(os.open('x' * 255, os.O_CREAT)); os.remove('x' * 255)
fails(errno.ENOTEMPTY, lambda: os.rmdir('e'))
fails(errno.ENOTDIR, lambda: os.rmdir('e/f'))
fails(errno.ENOTDIR, lambda: os.stat('e/f/g'))
fails(errno.EISDIR, lambda: os.open('e', os.O_WRONLY))
fails(errno.ENOENT, lambda: os.stat('nothing'))
fails(errno.EINVAL, lambda: os.rename('e', 'e/in'))
fails(errno.EILSEQ, lambda: os.mkdir(b'not-utf8-\\xff'))
fails(errno.ENOENT, lambda: os.listdir('.dfs-mounts'))
P
    rm -r e`);
});

test(
  'the permissions of other users hold, and what they make is theirs',
  async (t, driver) => {
    const { sh } = bound(t, await mount(t, cluster(), driver));
    await sh('mkdir p; echo secret > p/root; chmod 600 p/root; mkdir p/shared; chmod 1777 p/shared; chmod 755 p');
    await sh(`
    chmod 755 .
    as() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
    refused as cat p/root; refused as touch p/new
    as sh -c 'umask 022; echo mine > p/shared/mine'; test "$(stat -c '%u %g %a' p/shared/mine)" = '65534 65534 644'
    echo root > p/shared/root; refused as rm p/shared/root; as rm p/shared/mine
    chmod 6777 p/shared/root; as sh -c 'echo x >> p/shared/root'; test $(stat -c %a p/shared/root) = 777
    rm -r p`);
  },
  { 'fuse-native': 'it does not tell who asks' },
);

test(
  'only the user who mounts comes in, or all with --allow-other, to whom permissions apply',
  async (t, driver) => {
    const as = 'as() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }';
    const own = await mount(t, cluster(), driver);
    await own.sh(t, `${as}; mkdir q; echo secret > q/root; chmod 600 q/root; chmod 1777 q; cd /; refused as ls "$0"`);
    const shared = await mount(t, cluster(), driver, { args: ['--allow-other'] });
    await shared.sh(
      t,
      `${as}; chmod 755 .; refused as cat q/root; refused as rm q/root; as sh -c 'echo theirs > q/new'
       test "$(stat -c %U q/new)" = root; rm -r q`,
    );
  },
  { kernel: 'it lets everybody in' },
);

test('tar, git and sqlite do their work', async (t, driver) => {
  const mounted = await mount(t, cluster(), driver);
  const { sh } = bound(t, mounted);
  await sh(
    'mkdir src; tar cf - -C "$ROOT" examples bin | tar xf - -C src; diff -r "$ROOT/bin" src/bin; diff -r "$ROOT/examples" src/examples',
    { ROOT: PACKAGE_ROOT },
  );
  await sh(`
    export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
    git init -q repo; cd repo; git config user.name test; git config user.email test@example.org
    cp -r ../src/examples .; git add .; git commit -qm first
    echo change >> examples/word-count/word-count.ts; git commit -qam second; git fsck --strict
    test -z "$(git status --porcelain)"; test $(git log --oneline | wc -l) = 2
    cd ..; git clone -q repo clone; diff -r repo/examples clone/examples; rm -rf repo clone src`);
  const { code } = await mounted.tryScript('command -v sqlite3');
  if (code !== 0) {
    t.log('sqlite3 is not installed, so its part of this test was left out');
    return;
  }
  await sh(`
    sqlite3 db 'create table t (a, b); insert into t values (1, randomblob(100000)); update t set a = 2; insert into t select a + 1, b from t;'
    test "$(sqlite3 db 'select group_concat(a) from t; pragma integrity_check;' | xargs)" = '2,3 ok'
    sqlite3 db 'delete from t where a = 2; vacuum;'; test "$(sqlite3 db 'select count(*) from t; pragma integrity_check;' | xargs)" = '1 ok'
    rm db`);
});

test('a C program is unpacked, compiled, linked and run', async (t, driver) => {
  const mounted = await mount(t, cluster(), driver);
  if ((await mounted.tryScript('command -v gcc && command -v make')).code !== 0) {
    t.pass();
    t.log('gcc or make is not installed, so nothing was compiled');
    return;
  }
  const output = await mounted.sh(
    t,
    `mkdir program; cd program
     printf 'int twice(int n) { return 2 * n; }\\n' > twice.c
     printf '#include <stdio.h>\\nint twice(int);\\nint main(void) { printf("%%d\\\\n", twice(21)); return 0; }\\n' > main.c
     printf 'program: main.o lib.a\\n\\tgcc -o $@ main.o lib.a\\nlib.a: twice.o\\n\\tar rc $@ twice.o\\n' > Makefile
     tar cf ../program.tar .; cd ..; rm -r program; mkdir program; tar xf program.tar -C program
     make -s -C program; program/program; make -C program | grep 'up to date'; rm -r program program.tar`,
  );
  t.regex(output, /^42$/m);
});

/** The last program's close of the file is still under way when the next one cuts it by its name. */
const CUT_AT_CLOSE = `
import os
os.mkdir('cut'); os.chdir('cut')
def cut_after(flags, name):
    pid = os.fork()
    if pid == 0:
        os.open(name, os.O_CREAT | os.O_EXCL | flags, 0o644)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    os.truncate(name, 123)
    return os.stat(name).st_size
sizes = [cut_after(flags, f'{flags}-{i}') for i in range(40) for flags in (os.O_RDONLY, os.O_WRONLY)]
assert sizes == [123] * 80, sizes
assert [entry.stat().st_size for entry in os.scandir('.')] == sizes
`;

test('a file keeps the length that it is given while its last close is under way', async (t, driver) => {
  const mounted = await mount(t, cluster(), driver);
  await mounted.sh(t, `python3 - <<'P'\n${CUT_AT_CLOSE}\nP`);
  const sdk = await cluster().sdk();
  for await (const { path, length } of sdk.list('/cut')) t.is(length, 123, path);
  await mounted.sh(t, 'rm -r cut');
});

test('random reads and writes, with and without mmap, give what a local file gives', async (t, driver) => {
  const { sh } = bound(t, await mount(t, cluster(), driver));
  await sh(
    `python3 - <<'P'
import mmap, os, random
rng = random.Random(7)
here, there = open('exercised', 'w+b', buffering=0), open(os.environ['LOCAL'] + '/exercised', 'w+b', buffering=0)
length = 0
for step in range(400):
    kind = rng.choice(['write', 'write', 'append', 'read', 'truncate', 'mmap', 'fsync', 'reopen'] if step % 5 == 0 else ['write', 'read', 'append', 'read'])
    at, size = rng.randrange(0, 3_000_000), rng.randrange(1, 200_000)
    data = rng.randbytes(size)
    if kind == 'append': at = length
    if kind in ('write', 'append'):
        for f in (here, there): assert os.pwrite(f.fileno(), data, at) == size
        length = max(length, at + size)
    elif kind == 'read':
        assert os.pread(here.fileno(), size, at) == os.pread(there.fileno(), size, at), (step, at, size)
    elif kind == 'truncate':
        length = rng.randrange(0, 3_000_000)
        for f in (here, there): os.ftruncate(f.fileno(), length)
    elif kind == 'mmap' and length > 0:
        at = min(at, length - 1)
        part = data[:length - at]
        for f in (here, there):
            with mmap.mmap(f.fileno(), length) as m: m[at:at + len(part)] = part
    elif kind == 'fsync': os.fsync(here.fileno())
    elif kind == 'reopen':
        here.close(); here = open('exercised', 'r+b', buffering=0)
    assert os.fstat(here.fileno()).st_size == length, (step, kind)
here.close(); there.close()
assert open('exercised', 'rb').read() == open(os.environ['LOCAL'] + '/exercised', 'rb').read()
P
    rm exercised`,
    { LOCAL: localDirectory(t) },
  );
});

test('what is written through a mapping after the file was closed is kept', async (t, driver) => {
  const { sh } = bound(t, await mount(t, cluster(), driver));
  await sh(`
    head -c 100000 /dev/zero > mapped
    python3 - <<'P'
import ctypes, os
libc = ctypes.CDLL(None)
libc.mmap.restype, libc.mmap.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
READ_WRITE, SHARED = 3, 1
fd = os.open('mapped', os.O_RDWR)
at = libc.mmap(None, 100000, READ_WRITE, SHARED, fd, 0)
os.close(fd)
ctypes.memmove(at + 50000, b'after close', 11)
P
    test $(stat -c %s mapped) = 100000`);
  const written = (bytes: Buffer) => bytes.subarray(50_000, 50_011).toString() === 'after close';
  await waitFor(async () => written(await readAll('/mapped')), 'the bytes to be in the cluster');
});

test('signals that a program handles do not make its calls fail', async (t, driver) => {
  const { sh } = bound(t, await mount(t, cluster(), driver));
  await sh(`
    python3 - <<'P'
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True) # Python's own functions call again after EINTR
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
def call(function, *arguments):
    if function(*arguments) < 0: raise OSError(ctypes.get_errno(), function.__name__)
for i in range(100):
    call(libc.mkdir, b'd%d' % i, 0o755)
    call(libc.access, b'd%d' % i, os.R_OK)
    call(libc.rmdir, b'd%d' % i)
signal.setitimer(signal.ITIMER_REAL, 0)
P`);
});

test('two mounts see what the other one has closed; a change that crosses another one is refused', async (t, driver) => {
  const [one, two] = [bound(t, await mount(t, cluster(), driver)), bound(t, await mount(t, cluster(), driver))];
  await one.sh('echo from one > shared; mkdir dir');
  await two.sh('test "$(cat shared)" = "from one"; echo and two >> shared');
  await waitFor(async () => (await one.sh('cat shared')) === 'from one\nand two\n', 'the other mount to see it');
  await one.sh(
    `python3 - <<'P'
import errno, os
here = os.open('shared', os.O_RDWR)
os.pwrite(here, b'X', 0)
there = os.open(os.environ['OTHER'] + '/shared', os.O_RDWR)
os.pwrite(there, b'YY', 0)
os.close(there)
try: os.fsync(here)
except OSError as error: assert error.errno == errno.ESTALE, error
else: raise AssertionError('not refused')
P`,
    { OTHER: two.directory },
  );
  t.is(await two.sh('cat shared; rm shared; rmdir dir'), 'YYom one\nand two\n');
});

test('the mount ends in order at SIGTERM, and after kill -9 the next one takes its place', async (t, driver) => {
  const first = await mount(t, cluster(), driver);
  await first.sh(t, 'echo kept > kept');
  first.process.kill('SIGTERM');
  t.is((await first.ended()).code, 0);
  t.is(await mountedAt(first.directory), undefined);

  const second = await mount(t, cluster(), driver);
  await second.sh(t, 'exec 3> synced; echo safe >&3; python3 -c "import os; os.fsync(3)"');
  second.process.kill('SIGKILL');
  await second.ended();
  t.not((await second.tryScript('ls')).code, 0);
  const third = await mount(t, cluster(), driver, { directory: second.directory });
  await third.sh(t, 'test "$(cat kept)" = kept; test "$(cat synced)" = safe; rm kept synced');
  const again = await cluster().dfs(['mount', third.directory, '--foreground', '--driver', driver]);
  t.is(again.code, 1);
  t.regex(again.stderr, /is mounted on .* already/);
  const { code, stderr } = await cluster().dfs(['umount', third.directory]);
  t.deepEqual([code, stderr], [0, '']);
  t.is((await third.ended()).code, 0);
});

test('at SIGTERM files that programs have open are saved, and cut off', async (t, driver) => {
  const mounted = await mount(t, cluster(), driver);
  const written = join(localDirectory(t), 'written');
  const script = `python3 - <<'P'
import os, time
here = os.open('open', os.O_WRONLY | os.O_CREAT)
os.write(here, b'saved')
os.mkdir(os.environ['WRITTEN'])
time.sleep(1000)
P`;
  const program = mounted.tryScript(script, { WRITTEN: written });
  await waitFor(() => existsSync(written), 'the program to have written');
  mounted.process.kill('SIGTERM');
  t.is((await mounted.ended()).code, 0);
  t.is(await mountedAt(mounted.directory), undefined);
  t.is((await readAll('/open')).toString(), 'saved');
  mounted.endPrograms();
  await program;
});

test('in the background, too; umount of what is no mount says so', async (t, driver) => {
  const directory = localDirectory(t);
  const log = join(localDirectory(t), 'mount.log');
  const { code, stderr } = await cluster().dfs(['mount', directory, '--driver', driver, '--log', log]);
  t.deepEqual([code, stderr], [0, '']);
  t.is((await mountedAt(directory))?.source, cluster().namenode);
  t.regex(await readFile(log, 'utf8'), new RegExp(`driver.*${driver}`));
  t.is((await cluster().dfs(['umount', directory])).code, 0);
  t.is(await mountedAt(directory), undefined);
  const twice = await cluster().dfs(['umount', directory]);
  t.deepEqual([twice.code, twice.stderr], [1, `umount: \`${directory}': no cluster is mounted here\n`]);
});

test('safe mode makes it read-only; restarts of the NameNode and the death of a DataNode do not show', async (t, driver) => {
  const { sh, tryScript } = bound(t, await mount(t, cluster(), driver));
  await sh('echo before > before');
  await cluster().dfs(['safemode', 'enter']);
  const fresh = bound(t, await mount(t, cluster(), driver));
  t.regex((await fresh.tryScript('touch new')).stderr, /Read-only file system/);
  await fresh.sh('test "$(cat before)" = before');
  await cluster().dfs(['safemode', 'leave']);

  const writing = tryScript(
    'for i in $(seq 1 60); do head -c 100000 /dev/zero; sleep 0.05; done > while-it-restarts; stat -c %s while-it-restarts',
  );
  await cluster().kill9('namenode');
  await cluster().restart('namenode');
  await cluster().kill9(3);
  const { code, stdout, stderr } = await writing;
  t.deepEqual([code, stdout, stderr], [0, '6000000\n', '']);
  await cluster().restart(3);
  await sh('test $(tr -d "\\0" < while-it-restarts | wc -c) = 0; rm before while-it-restarts');
});

/** The scripts of one mount. */
function bound(t: ExecutionContext, mounted: Awaited<ReturnType<typeof mount>>) {
  return {
    directory: mounted.directory,
    sh: (script: string, env?: Readonly<Record<string, string>>) => mounted.sh(t, script, env),
    tryScript: (script: string) => mounted.tryScript(script),
  };
}
