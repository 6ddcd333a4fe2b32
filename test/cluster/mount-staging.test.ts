/** What programs have written to the middle of files and not synced, when the mount dies. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import { resultOf, sharedCluster, waitFor } from './harness.js';
import { CANNOT_MOUNT, mount, type TestMount } from './support/mounted.js';
import { mountSmallDisk } from './support/small-disk.js';

const cluster = sharedCluster(anyTest, { datanodes: 3, settings: { 'dfs.blocksize': '1m' } });

function test(title: string, run: (t: ExecutionContext) => Promise<void>): void {
  const why = CANNOT_MOUNT.kernel;
  if (why === undefined) anyTest.serial(title, run);
  else anyTest.serial.skip(`${title} (${why})`, run);
}

/** A mount with a staging directory that nobody else uses. */
async function freshMount(
  t: ExecutionContext,
  { settings = {}, prepare = async (_directory: string) => {} } = {},
): Promise<{
  readonly mounted: TestMount;
  readonly staging: string;
  readonly args: readonly string[];
  next(directory?: string): Promise<TestMount>;
}> {
  const parent = mkdtempSync(join(tmpdir(), 'dfs-staging-'));
  t.teardown(() => rm(parent, { recursive: true, force: true }));
  const staging = join(parent, 'staging');
  mkdirSync(staging);
  await prepare(staging);
  const all = { 'dfs.client.mount.staging.dir': staging, ...settings };
  const args = Object.entries(all).flatMap(([name, value]) => ['-D', `${name}=${value}`]);
  const mounted = await mount(t, cluster(), 'kernel', { args });
  return {
    mounted,
    staging,
    args,
    next: (directory = mounted.directory) => mount(t, cluster(), 'kernel', { directory, args }),
  };
}

async function readAll(path: string): Promise<Buffer> {
  const reader = await (await cluster().sdk()).open(path);
  return await reader.read(0, reader.length);
}

async function write(path: string, bytes: Buffer): Promise<void> {
  const writer = await (await cluster().sdk()).create(path, { overwrite: true });
  await writer.write(bytes);
  await writer.close();
}

/** Runs a program that opens files, changes them, and neither syncs nor closes them; then the mount is killed. */
async function changeAndKill(t: ExecutionContext, mounted: TestMount, changes: string): Promise<void> {
  const marker = join(mkdtempSync(join(tmpdir(), 'dfs-local-')), 'done');
  t.teardown(() => rm(join(marker, '..'), { recursive: true, force: true }));
  const script = `python3 - <<'P'
import os, time
${changes}
os.mkdir(os.environ['DONE'])
time.sleep(1000)
P`;
  const program = mounted.tryScript(script, { DONE: marker });
  const failed = program.then(({ stderr }) => {
    if (!existsSync(marker)) throw new Error(stderr);
  });
  await Promise.race([failed, waitFor(() => existsSync(marker), 'the program to have written')]);
  mounted.process.kill('SIGKILL');
  await mounted.ended();
  mounted.endPrograms();
  await program;
}

async function journals(staging: string): Promise<string[]> {
  // Directories of mounts come and go meanwhile: one that is gone holds no journals.
  const directories = await readdir(staging);
  const names = await Promise.all(directories.map((name) => readdir(join(staging, name)).catch(() => [])));
  return names.flat().filter((name) => /^staged-\d+$/.test(name));
}

test('what was written and not synced is in the file after kill -9 and the next mount', async (t) => {
  const { mounted, staging, next } = await freshMount(t);
  const before = randomBytes(3_500_000);
  for (const name of ['changed', 'cut', 'longer', 'removed', 'untouched']) await write(`/${name}`, before);
  await changeAndKill(
    t,
    mounted,
    `
f = {name: os.open(name, os.O_RDWR) for name in ['changed', 'cut', 'longer', 'removed', 'untouched']}
for i in range(200): os.pwrite(f['changed'], b'%06d' % i, i * 17_001)
for i in range(100): os.pwrite(f['changed'], b'again', i * 30)
os.ftruncate(f['cut'], 1_234_567)
os.pwrite(f['longer'], b'early', 10); os.ftruncate(f['longer'], 4_000_000); os.pwrite(f['longer'], b'end', 4_100_000)
os.pwrite(f['removed'], b'x', 10); os.unlink('removed'); os.pwrite(f['removed'], b'y', 20)`,
  );
  t.is((await journals(staging)).length, 3);
  const changed = Buffer.from(before);
  for (let i = 0; i < 200; i++) changed.write(String(i).padStart(6, '0'), i * 17_001);
  for (let i = 0; i < 100; i++) changed.write('again', i * 30);
  const longer = Buffer.concat([before, Buffer.alloc(4_100_003 - before.length)]);
  longer.write('early', 10);
  longer.write('end', 4_100_000);

  const second = await next();
  t.true((await readAll('/changed')).equals(changed));
  t.true((await readAll('/cut')).equals(before.subarray(0, 1_234_567)));
  t.true((await readAll('/longer')).equals(longer));
  t.true((await readAll('/untouched')).equals(before));
  t.deepEqual(await journals(staging), []);
  t.is((await readdir(staging)).length, 1, 'the directory of the live mount');
  await second.sh(
    t,
    'test ! -e removed; printf on | dd of=changed conv=notrunc status=none; rm changed cut longer untouched',
  );
  second.process.kill('SIGTERM');
  t.is((await second.ended()).code, 0);
  t.deepEqual(await readdir(staging), []);
});

test('a mount that is killed while it takes up journals leaves the rest to the next one', async (t) => {
  const { mounted, staging, args, next } = await freshMount(t);
  const before = randomBytes(1_500_000);
  const names = Array.from({ length: 24 }, (_, i) => `half-${i}`);
  for (const name of names) await write(`/${name}`, before);
  await changeAndKill(
    t,
    mounted,
    `
for i in range(24):
    fd = os.open(f'half-{i}', os.O_RDWR)
    for k in range(20): os.pwrite(fd, b'%06d' % (i * 100 + k), k * 70_001)`,
  );
  for (let left = await journals(staging); left.length > names.length / 2; left = await journals(staging)) {
    const taker = cluster().spawnDfs(['mount', mounted.directory, '--foreground', '--driver', 'kernel', ...args]);
    const isOver = resultOf(taker);
    // Some kills come between a step into force and the removal of its journal.
    await waitFor(async () => (await journals(staging)).length < left.length, 'a journal to be taken up');
    taker.kill('SIGKILL');
    await isOver;
  }
  t.true((await journals(staging)).length > 0, 'it was killed half-way');

  const last = await next();
  for (const [i, name] of names.entries()) {
    const changed = Buffer.from(before);
    for (let k = 0; k < 20; k++) changed.write(String(i * 100 + k).padStart(6, '0'), k * 70_001);
    t.true((await readAll(`/${name}`)).equals(changed), name);
  }
  t.deepEqual(await journals(staging), []);
  t.is((await readdir(staging)).length, 1, 'nothing was kept aside');
  await last.sh(t, 'rm half-*');
});

test('a file that somebody has changed since keeps that change; the unsaved bytes are kept aside', async (t) => {
  const { mounted, staging, next } = await freshMount(t);
  await write('/theirs', randomBytes(1_500_000));
  await write('/gone', Buffer.from('gone'));
  await changeAndKill(
    t,
    mounted,
    `
f, g = os.open('theirs', os.O_RDWR), os.open('gone', os.O_RDWR)
os.pwrite(f, b'ours', 1_000_000); os.pwrite(g, b'G', 0)`,
  );
  await write('/theirs', Buffer.from('theirs'));
  await (await cluster().sdk()).delete('/gone');
  const second = await next();
  t.is((await readAll('/theirs')).toString(), 'theirs');
  const recovered = join(staging, 'recovered');
  const names = await readdir(recovered);
  t.deepEqual([names.filter((name) => name.endsWith('.data')).length, names.length], [2, 4]);
  const descriptions = await Promise.all(
    names
      .filter((name) => name.endsWith('.json'))
      .map(async (name) => ({ name, ...JSON.parse(await readFile(join(recovered, name), 'utf8')) })),
  );
  const theirs = descriptions.find(({ written }) => written[0]?.start === 1_000_000);
  t.deepEqual(theirs?.written, [{ start: 1_000_000, end: 1_000_004 }]);
  const data = await readFile(join(recovered, theirs.name.replace('.json', '.data')));
  t.deepEqual([data.length, data.subarray(1_000_000).toString()], [1_000_004, 'ours']);
  t.deepEqual(await journals(staging), []);
  second.process.kill('SIGTERM');
  t.regex((await second.ended()).stdout, /is not in the file: it is kept aside/);
  await next();
  t.is((await readdir(recovered)).length, 4, 'once only');
});

test('files that were growing can be written to as soon as the next mount is there', async (t) => {
  const { mounted, next } = await freshMount(t);
  await changeAndKill(
    t,
    mounted,
    `
for name in ['one', 'two']:
    f = os.open(name, os.O_WRONLY | os.O_CREAT)
    os.write(f, b'synced'); os.fsync(f); os.write(f, b'not synced')
os.open('empty', os.O_WRONLY | os.O_CREAT)`,
  );
  const second = await next();
  await second.sh(t, 'for f in one two empty; do echo " and more" >> $f; done; test "$(cat empty)" = " and more"');
  t.regex((await readAll('/one')).toString(), /^synced(not synced)? and more\n$/);
});

test('a mount leaves alone what a live one has in the same directory', async (t) => {
  const { mounted, staging, next } = await freshMount(t);
  await write('/open', Buffer.from('0123456789'));
  const done = join(staging, 'done');
  const program = mounted.tryScript(
    `python3 - <<'P'
import os, time
f = os.open('open', os.O_RDWR); os.pwrite(f, b'live', 2); os.mkdir(os.environ['DONE'])
while os.path.exists(os.environ['DONE']): time.sleep(0.05)
os.close(f)
P`,
    { DONE: done },
  );
  await waitFor(() => existsSync(done), 'the program to have written');
  const elsewhere = mkdtempSync(join(tmpdir(), 'dfs-mount-'));
  const second = await next(elsewhere);
  t.is((await journals(staging)).length, 1);
  t.is(await second.sh(t, 'cat open'), '0123456789');
  await rm(done, { recursive: true });
  t.is((await program).code, 0);
  t.is((await readAll('/open')).toString(), '01live6789');
});

test('safe mode delays it: what was written is saved once the mount may', async (t) => {
  const { mounted, staging, next } = await freshMount(t);
  await write('/delayed', Buffer.from('0123456789'));
  await changeAndKill(t, mounted, `os.pwrite(os.open('delayed', os.O_RDWR), b'later', 0)`);
  await cluster().dfs(['safemode', 'enter']);
  await next();
  t.is((await journals(staging)).length, 1);
  await cluster().dfs(['safemode', 'leave']);
  await waitFor(async () => (await readAll('/delayed')).toString() === 'later56789', 'the bytes to be saved');
  await waitFor(async () => (await journals(staging)).length === 0, 'the journal to go');
});

const FILL = `python3 - <<'P'
import errno, os
def full(work):
    try: work()
    except OSError as error: assert error.errno == errno.ENOSPC, error
    else: raise AssertionError('not refused')
def write(fd, data, at): # the kernel cuts large writes into pieces
    while data:
        n = os.pwrite(fd, data, at)
        data, at = data[n:], at + n
for name in ['a', 'b']:
    with open(name, 'wb') as f: f.write(b'-' * 3_000_000)
a, b = os.open('a', os.O_RDWR), os.open('b', os.O_RDWR)
write(a, b'A' * 900_000, 10)
full(lambda: write(b, b'B' * 500_000, 10))
assert os.pread(b, 10, 0) == b'-' * 10 and os.pread(a, 900_020, 0) == b'-' * 10 + b'A' * 900_000 + b'-' * 10
os.fsync(a)
write(b, b'B' * 500_000, 10)
for i in range(20): write(b, b'%d' % (i % 10) * 400_000, 100_000 * i) # more than there is room for: becomes blocks on the way
os.close(a); os.close(b)
b = open('b', 'rb').read()
assert len(b) == 3_000_000 and b[:10] == b'0' * 10 and b[1_900_000:2_300_000] == b'9' * 400_000 and b[2_300_000:] == b'-' * 700_000
P
rm a b`;

test('a full staging area is ENOSPC for the program, and nothing else is lost', async (t) => {
  const { mounted, staging } = await freshMount(t, { settings: { 'dfs.client.mount.staging.size': '1m' } });
  await mounted.sh(t, FILL);
  t.deepEqual(await journals(staging), []);
});

test('a full disk below the staging area is ENOSPC for the program, too', async (t) => {
  const { mounted } = await freshMount(t, {
    prepare: (directory) => mountSmallDisk(t, directory, '1m'),
  });
  await mounted.sh(t, FILL);
});
