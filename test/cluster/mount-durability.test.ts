/** What fsync has returned for is there, whatever is killed. */
import { mkdtempSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { startCluster, waitFor } from './harness.js';
import { mount, testWithDrivers } from './support/mounted.js';

/**
 * Writes records over and over to random places of one file, and to the end of another one, as a database and its log do. What fsync has returned for
 * is noted in a local file, which the end of the mount does not touch.
 */
const WRITER = `python3 - <<'P'
import os, random, struct
rng = random.Random(3)
data, log = os.open('data', os.O_RDWR | os.O_CREAT), os.open('log', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
acked = open(os.environ['ACKED'], 'w')
os.ftruncate(data, 64 * 4096); os.fsync(data)
for number in range(1, 100000):
    slot = rng.randrange(64)
    os.write(log, struct.pack('<Q', number)); os.fsync(log)
    os.pwrite(data, struct.pack('<Q', number) * 512, slot * 4096); os.fsync(data)
    print(number, slot, file=acked, flush=True)
P`;

/** The number in each slot is the last one that was noted, or the one that was just being written; no record is torn. */
const CHECK = `python3 - <<'P'
import os, struct
noted, last = {}, 0
for line in open(os.environ['ACKED']):
    if line.endswith('\\n'):
        last, slot = map(int, line.split())
        noted[slot] = last
data = open('data', 'rb').read()
assert len(data) == 64 * 4096, len(data)
for slot in range(64):
    record = data[slot * 4096:][:4096]
    number = struct.unpack('<Q', record[:8])[0]
    assert record == record[:8] * 512, ('torn', slot)
    assert number in (noted.get(slot, 0), last + 1), (slot, number, noted.get(slot), last)
log = open('log', 'rb').read()
numbers = [n for (n,) in struct.iter_unpack('<Q', log[:len(log) // 8 * 8])]
assert numbers[:last] == list(range(1, last + 1)), (len(numbers), last)
print('checked', last)
P`;

testWithDrivers(test)(
  `a database's fsyncs outlive kill -9 of a DataNode, the NameNode and the mount`,
  async (t, driver) => {
    const local = mkdtempSync(join(tmpdir(), 'dfs-local-'));
    t.teardown(() => rm(local, { recursive: true, force: true }));
    const env = { ACKED: join(local, 'acked') };
    const acknowledged = async (): Promise<number> =>
      (await readFile(env.ACKED, 'utf8').catch(() => '')).split('\n').length - 1;
    const more = async (count: number): Promise<void> => {
      const before = await acknowledged();
      await waitFor(async () => (await acknowledged()) >= before + count, `${count} more fsyncs`);
    };
    const cluster = await startCluster(t, { datanodes: 3, settings: { 'dfs.blocksize': '128k' } });
    const first = await mount(t, cluster, driver);
    const writer = first.tryScript(WRITER, env);
    await more(10);
    await cluster.kill9(2);
    await more(10);
    await cluster.kill9('namenode');
    await cluster.restart('namenode');
    await more(10);
    first.process.kill('SIGKILL');
    await first.ended();
    t.not((await writer).code, 0, 'the writer has lost its files');
    const second = await mount(t, cluster, driver, { directory: first.directory });
    t.regex(await second.sh(t, CHECK, env), /^checked \d\d+/);
  },
);
