/** Attributes that the mount tells the cluster later than programs set them, or shows without asking the cluster. */
import anyTest, { type ExecutionContext } from 'ava';
import { sharedCluster, waitFor } from './harness.js';
import { mount, type TestMount, testWithDrivers } from './support/mounted.js';

const cluster = sharedCluster(anyTest, { datanodes: 3 });
const test = testWithDrivers(anyTest);

async function modeInCluster(path: string): Promise<string> {
  return (await (await cluster().sdk()).stat(path)).mode.toString(8);
}

/** As tar and `cp -p` make a file. */
const UNPACK = `
import os
fd = os.open('file', os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
os.write(fd, b'contents')
os.utime(fd, ns=(1_600_000_001_000_000_000, 1_600_000_002_000_000_000))
os.fchown(fd, os.getuid(), os.getgid())
os.fchmod(fd, 0o640)
def check(st):
    assert (oct(st.st_mode), st.st_mtime_ns, st.st_size) == ('0o100640', 1_600_000_002_000_000_000, 8), st
check(os.fstat(fd)); check(os.stat('file'))
os.close(fd)
check(os.stat('file'))
`;

test('times, owner and mode of a file that is being written are in force at once, and kept', async (t, driver) => {
  const mounted = await mount(t, cluster(), driver);
  await mounted.sh(t, `mkdir unpack; cd unpack; python3 - <<'P'\n${UNPACK}\nP`);
  const status = await (await cluster().sdk()).stat('/unpack/file');
  t.like(status, { mode: 0o640, modificationTimeMs: 1_600_000_002_000, underConstruction: false, length: 8 });
  await mounted.sh(t, 'rm -r unpack');
});

/** Holds a file open that it has made, until the directory `go-on` is there. */
async function growing(t: ExecutionContext, mounted: TestMount, changes: string): Promise<() => Promise<void>> {
  const script = `python3 - <<'P'
import os, time
fd = os.open('growing', os.O_CREAT | os.O_WRONLY, 0o666)
os.write(fd, b'x' * 100)
${changes}
os.mkdir('ready')
while not os.path.exists('go-on'): time.sleep(0.05)
os.close(fd)
P
rmdir ready go-on; rm growing`;
  const done = mounted.sh(t, script);
  const fs = await cluster().sdk();
  await waitFor(() => fs.exists('/ready'), 'the open file');
  return async () => {
    await fs.mkdir('/go-on');
    await done;
  };
}

test('other clients see the mode of a file that stays open', async (t, driver) => {
  const mounted = await mount(t, cluster(), driver);
  const end = await growing(t, mounted, 'os.fchmod(fd, 0o604)');
  await waitFor(async () => (await modeInCluster('/growing')) === '604', 'the new mode');
  await end();
});

test('after fsync the mode of a file is in the cluster', async (t, driver) => {
  const mounted = await mount(t, cluster(), driver);
  const end = await growing(t, mounted, 'os.fchmod(fd, 0o604); os.fsync(fd)');
  t.is(await modeInCluster('/growing'), '604');
  await end();
});

test('the mode that the program sets last is the one that stays', async (t, driver) => {
  const mounted = await mount(t, cluster(), driver);
  const modes = '0o600, 0o4755, 0o640, 0o1777, 0o606';
  await mounted.sh(
    t,
    `python3 -c "
import os
for mode in (${modes}):
    fd = os.open('often', os.O_CREAT | os.O_WRONLY)
    for before in (${modes}):
        os.fchmod(fd, before)
        assert os.fstat(fd).st_mode & 0o7777 == before
    os.fchmod(fd, mode); os.close(fd)
    assert os.stat('often').st_mode & 0o7777 == mode
    os.unlink('often')
"`,
  );
});

const DIRECTORY_CHANGES = [
  'echo x > d/file',
  'mkdir d/sub',
  'ln -s file d/link',
  'mv d/file d/moved',
  'mv d/moved d/sub/moved',
  'rm d/link',
  'rm d/sub/moved',
  'rmdir d/sub',
  'chmod 751 d',
  'for i in 1 2 3 4 5 6 7 8; do touch d/$i & done; wait',
];

test('after each change in a directory its attributes are those of the cluster', async (t, driver) => {
  const mounted = await mount(t, cluster(), driver);
  await mounted.sh(t, 'mkdir d');
  const fs = await cluster().sdk();
  for (const change of DIRECTORY_CHANGES) {
    const seen = await mounted.sh(
      t,
      `${change}; python3 -c "import os; s = os.stat('d'); print(s.st_mtime_ns // 10**6, oct(s.st_mode & 0o7777))"`,
    );
    const { modificationTimeMs, mode } = await fs.stat('/d');
    t.is(seen.trim(), `${modificationTimeMs} 0o${mode.toString(8)}`, change);
  }
  await mounted.sh(t, 'rm -r d');
});

test('what others change of a directory shows while programs go on making files in it', async (t, driver) => {
  const mounted = await mount(t, cluster(), driver);
  await mounted.sh(t, 'mkdir busy');
  await (await cluster().sdk()).setPermission('/busy', 0o710);
  await mounted.sh(t, 'i=0; until test "$(stat -c %a busy)" = 710; do touch busy/$((i += 1)); done; rm -r busy');
  t.pass();
});
