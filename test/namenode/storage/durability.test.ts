import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { type DfsError, isDfsError } from '../../../common/errors.js';
import { createLogger } from '../../../common/logging.js';
import { seededRandom } from '../../../common/random.js';
import { openDatabase } from '../../../namenode/storage/database.js';
import { GroupCommitJournal } from '../../../namenode/storage/group-commit.js';
import { replay } from '../../../namenode/storage/replay.js';
import { SegmentLog } from '../../../namenode/storage/segment-log.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeDisk, osError } from '../support/fake-disk.js';
import { makeTemplate } from '../support/namespace-world.js';

const DIRECTORY = '/name/current';
const logger = createLogger({ name: 'test', level: 'silent' });
const template = makeTemplate(1);
const directory = mkdtempSync(join(tmpdir(), 'mini-hdfs-durability-'));
test.after.always(() => {
  template.remove();
  rmSync(directory, { recursive: true, force: true });
});

let copies = 0;

async function open(disk: FakeDisk, fatal: DfsError[]) {
  const path = join(directory, `${copies++}.db`);
  copyFileSync(template.path, path);
  const connections = openDatabase(path);
  const log = await SegmentLog.open({ disk, directory: DIRECTORY, segmentBytesMax: 2000, logger });
  await replay(connections.writing, log);
  await log.fence(log.epoch + 1);
  const journal = new GroupCommitJournal({
    db: connections.writing,
    committed: connections.reading,
    log,
    clock: new FakeClock(),
    logger,
    observer: { batch() {}, batchFailed() {}, fatal: (error) => fatal.push(error) },
  });
  return { journal, connections };
}

function mkdir(journal: GroupCommitJournal, name: string): Promise<void> {
  return journal.mutate((tx) => {
    const id = tx.counters.nextInodeId;
    tx.log({ op: 'mkdirs', timeMs: 5, directories: [{ id, parent: 1, name, mode: 0o755, owner: 'u', group: 'g' }] });
  });
}

/** Whether a crash at this moment would leave `name` in the log. */
function isOnStableStorage(disk: FakeDisk, name: string): boolean {
  return [...disk.files.values()].some(({ synced }) => synced.includes(`"${name}"`));
}

test('whatever fails when: the acknowledged is there after a power failure, the refused is not', async (t) => {
  const seen = { acknowledged: 0, refused: 0, fatal: 0 };
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const random = seededRandom(seed);
      const disk = new FakeDisk();
      const fatal: DfsError[] = [];
      const { journal, connections } = await open(disk, fatal);
      disk.fault = (operation) => {
        const chance = operation === 'truncate' ? 20 : 8;
        if (random.int(chance) === 0) throw osError(random.int(2) === 0 ? 'ENOSPC' : 'EIO');
      };
      const acknowledged = new Set<string>();
      const refused = new Set<string>();
      for (let round = 0; round < 10; round++) {
        const names = Array.from({ length: 1 + random.int(4) }, (_, i) => `d-${round}-${i}`);
        const wasFatal = fatal.length > 0;
        const outcomes = await Promise.allSettled(
          names.map(async (name) => {
            await mkdir(journal, name);
            assert.ok(isOnStableStorage(disk, name), `${name} was acknowledged before it was durable`);
          }),
        );
        for (const [i, outcome] of outcomes.entries()) {
          const name = names[i] as string;
          if (outcome.status === 'fulfilled') acknowledged.add(name);
          else if (!isDfsError(outcome.reason)) throw outcome.reason;
          // Of the batch that ended everything nobody knows; what came later was not even tried.
          else if (fatal.length === 0 || wasFatal) refused.add(name);
        }
      }
      connections.close();
      disk.fault = () => {};
      disk.crash(random);
      const again = await open(disk, []);
      const rows = again.journal.committed.prepare('SELECT name FROM inodes WHERE parent = 1').all() as {
        name: string;
      }[];
      const names = new Set(rows.map(({ name }) => name));
      for (const name of acknowledged) assert.ok(names.has(name), `${name} was acknowledged and is lost`);
      for (const name of refused) assert.ok(!names.has(name), `${name} was refused and is there`);
      again.connections.close();
      seen.acknowledged += acknowledged.size;
      seen.refused += refused.size;
      seen.fatal += Math.min(1, fatal.length);
    }),
    { numRuns: 60 },
  );
  t.true(seen.acknowledged > 100 && seen.refused > 100 && seen.fatal > 0, JSON.stringify(seen));
});
