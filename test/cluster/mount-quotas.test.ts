/** What programs in a mount are told when a quota of the cluster is exceeded. */
import anyTest from 'ava';
import { sharedCluster, waitFor } from './harness.js';
import { mount, testWithDrivers } from './support/mounted.js';

const MIB = 1024 * 1024;
const cluster = sharedCluster(anyTest, { datanodes: 1, settings: { 'dfs.blocksize': '1m', 'dfs.replication': '1' } });
const test = testWithDrivers(anyTest);

const EXPECT_EDQUOT = `
import errno, os, sys
def edquot(call):
    try: call()
    except OSError as e: assert e.errno == errno.EDQUOT, e; return
    sys.exit('not refused')
`;

test('names beyond a quota: EDQUOT, whatever makes them', async (t, driver) => {
  const fs = await cluster().sdk();
  const mounted = await mount(t, cluster(), driver);
  await mounted.sh(t, 'mkdir -p names tree/sub; touch outside');
  await fs.setQuota('/names', { names: 3 });
  await mounted.sh(
    t,
    `mkdir names/a; ln -s a names/b; cd names; python3 - <<'P'
${EXPECT_EDQUOT}
edquot(lambda: os.mkdir('c'))
edquot(lambda: os.symlink('a', 'c'))
edquot(lambda: os.open('c', os.O_CREAT | os.O_WRONLY))
edquot(lambda: os.rename('../outside', 'c'))
edquot(lambda: os.rename('../tree', 'a/tree'))
os.rename('../outside', 'b')
os.rename('b', 'c')
os.remove('c')
os.mkdir('c')
P`,
  );
  await fs.setQuota('/names', { names: null });
  await mounted.sh(t, 'mkdir names/d; rm -r names tree');
});

test('space beyond a quota: EDQUOT at write, fsync or close of a file that grows, and what was synced before stays', async (t, driver) => {
  const fs = await cluster().sdk();
  const mounted = await mount(t, cluster(), driver);
  await mounted.sh(t, 'mkdir space');
  await fs.setQuota('/space', { space: 8 * MIB });
  await mounted.sh(
    t,
    `cd space; python3 - <<'P'
${EXPECT_EDQUOT}
fd = os.open('big', os.O_CREAT | os.O_WRONLY)
os.write(fd, b'x' * ${6 * MIB})
os.fsync(fd)
def grow():
    for i in range(16): os.write(fd, b'y' * ${MIB})
    os.fsync(fd)
edquot(grow)
edquot(lambda: os.close(fd))
P
refused cp big another; refused dd if=/dev/zero of=third bs=1M count=9 conv=fsync
head -c ${6 * MIB} big | cmp - <(head -c ${6 * MIB} /dev/zero | tr '\\0' x)
rm -f another third big; head -c ${7 * MIB} /dev/zero >fits; stat -c %s fits`,
  );
  t.is((await fs.contentSummary('/space')).quota?.spaceUsed, 7 * MIB);
  await fs.setQuota('/space', { space: null });
  await mounted.sh(t, 'rm -r space');
});

test('a change in the middle that makes a file too large: EDQUOT at fsync, nothing of it shows, and it is saved once there is room', async (t, driver) => {
  const fs = await cluster().sdk();
  const mounted = await mount(t, cluster(), driver);
  await mounted.sh(t, `mkdir changed; head -c ${2 * MIB} /dev/zero >changed/file; sync changed/file`);
  await fs.setQuota('/changed', { space: 3 * MIB });
  const reader = async (): Promise<string> => {
    const file = await fs.open('/changed/file');
    try {
      return (await file.read(0, 4)).toString();
    } finally {
      await file.close();
    }
  };
  const script = mounted.sh(
    t,
    `cd changed; python3 - <<'P'
${EXPECT_EDQUOT}
import time
fd = os.open('file', os.O_RDWR)
os.pwrite(fd, b'same', 0)
os.fsync(fd)
os.pwrite(fd, b'more', 0)
os.pwrite(fd, b'z' * ${2 * MIB}, ${2 * MIB})
edquot(lambda: os.fsync(fd))
edquot(lambda: os.fsync(fd))
os.mkdir('../refused')
while not os.path.exists('../go-on'): time.sleep(0.05)
assert os.pread(fd, 4, 0) == b'more'
os.fsync(fd)
os.close(fd)
P`,
  );
  await waitFor(() => fs.exists('/refused'), 'the refusal');
  t.is(await reader(), 'same');
  t.is((await fs.stat('/changed/file')).length, 2 * MIB);
  await fs.setQuota('/changed', { space: 4 * MIB });
  await fs.mkdir('/go-on');
  await script;
  t.is(await reader(), 'more');
  t.is((await fs.stat('/changed/file')).length, 4 * MIB);
  await fs.setQuota('/changed', { space: null });
  await mounted.sh(t, 'rm -r changed refused go-on');
});
