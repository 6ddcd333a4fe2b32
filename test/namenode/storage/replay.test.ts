import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import { setPermission } from '../../../namenode/operations/attributes.js';
import { parsePath } from '../../../namenode/paths.js';
import { openDatabase } from '../../../namenode/storage/database.js';
import { replay } from '../../../namenode/storage/replay.js';
import { FakeClock } from '../../support/fake-clock.js';
import { MemoryEditLog } from '../support/memory-edit-log.js';
import { ModelFileSystem } from '../support/model-file-system.js';
import { openRoot, operations, type Sides } from '../support/namespace-operations.js';
import { dump, makeTemplate, NamespaceWorld } from '../support/namespace-world.js';
import { ROOT } from '../support/namesystem-fixture.js';

const START_MS = new FakeClock().now();
const template = makeTemplate(START_MS);
test.after.always(() => template.remove());

/** The database at some moment. */
interface Moment {
  readonly batches: number;
  readonly tables: string;
}

interface Checkpoint extends Moment {
  readonly path: string;
}

/** Runs operations; notes the tables after each, and takes checkpoints where `steps` says so. */
async function run(
  world: NamespaceWorld,
  steps: Iterable<unknown>,
): Promise<{ checkpoints: Checkpoint[]; moments: Moment[] }> {
  // So much time passes that answers in the retry cache expire.
  const sides: Sides = { model: new ModelFileSystem(START_MS), world, handles: [], calls: 0, stepMs: 45_000 };
  const now = (): Moment => ({ batches: world.log.batches.length, tables: dump(world.committed) });
  const moments = [now()];
  const checkpoints = [{ ...now(), path: world.checkpoint() }];
  for (const step of steps) {
    if (step === 'checkpoint') checkpoints.push({ ...now(), path: world.checkpoint() });
    else await (step as typeof openRoot).run(sides);
    moments.push(now());
  }
  return { checkpoints, moments };
}

test('replay from any checkpoint to any crash gives the tables that were there, row for row', async (t) => {
  const step = fc.oneof({ weight: 25, arbitrary: operations }, { weight: 1, arbitrary: fc.constant('checkpoint') });
  const steps = fc.array(step, { maxLength: 200, size: 'max' });
  await fc.assert(
    fc.asyncProperty(steps, fc.array(fc.nat(), { minLength: 4, maxLength: 4 }), async (chosen, seeds) => {
      const world = new NamespaceWorld(template.path);
      try {
        const { checkpoints, moments } = await run(world, [openRoot, ...chosen]);
        for (const seed of seeds) {
          const crash = moments[seed % moments.length] as Moment;
          const before = checkpoints.filter(({ batches }) => batches <= crash.batches);
          const checkpoint = before[seed % before.length] as Checkpoint;
          assert.equal(await world.replayed(checkpoint.path, crash.batches), crash.tables);
        }
      } finally {
        world.close();
      }
    }),
    { numRuns: 25 },
  );
  t.pass();
});

test('old answers leave the retry cache, in the same way live and at replay', async (t) => {
  const world = new NamespaceWorld(template.path);
  const { checkpoints } = await run(
    world,
    Array.from({ length: 200 }, () => openRoot),
  );
  const rows = world.committed.prepare('SELECT count(*) AS n FROM retry_cache').get() as { n: number };
  t.is(rows.n, world.ns.journal.counters.retryEntries);
  t.is(world.ns.journal.lastTxid, 200);
  // Cleaned at transaction 192: the 14 of the ten minutes before it are left (one each 45 s), and the eight after it.
  t.is(rows.n, 14 + 8);
  const path = checkpoints[0]?.path as string;
  t.is(await world.replayed(path, world.log.batches.length), dump(world.committed));
  world.close();
});

test('a NameNode that is started again with a wrong clock still knows what it has answered', async (t) => {
  const world = new NamespaceWorld(template.path);
  const path = world.checkpoint();
  let calls = 0;
  const changeRoot = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) {
      const id = { clientId: 'AAAAAAAAAAAAAAAAAAAAAA==', callId: calls++ };
      await setPermission(world.ns, { ...ROOT, id }, parsePath('/'), 0o777);
    }
  };
  await changeRoot(10);
  for (const days of [365, -2 * 365]) {
    world.clock.jump(days * 86_400_000);
    await world.restart(path);
    await changeRoot(64);
    t.is(world.ns.journal.counters.retryEntries, calls);
    t.is(await world.replayed(path, world.log.batches.length), dump(world.committed));
  }
  world.close();
});

test('counters agree with the rows', async (t) => {
  const world = new NamespaceWorld(template.path);
  await run(world, [openRoot, ...fc.sample(operations, { numRuns: 300, seed: 11 })]);
  const count = (sql: string) => (world.committed.prepare(sql).get() as { n: number }).n;
  const { files, directories, blocks } = world.ns.journal.counters;
  t.is(files, count('SELECT count(*) AS n FROM inodes WHERE type = 1'));
  t.is(directories, count('SELECT count(*) AS n FROM inodes WHERE type = 2'));
  t.is(blocks, count('SELECT count(*) AS n FROM blocks'));
  t.is(count('SELECT count(*) AS n FROM inodes WHERE length < 0 OR children < 0'), 0);
  const wrongLength = `
    SELECT count(*) AS n FROM inodes
    WHERE type = 1 AND length <> (SELECT coalesce(sum(length), 0) FROM blocks WHERE inode = inodes.id)`;
  // Blocks of deleted files go before their inodes.
  t.is(count(`${wrongLength} AND parent <> 0`), 0);
  t.true(files > 0 && directories > 1 && blocks > 0);
  world.close();
});

test('a replay that was interrupted goes on where it was', async (t) => {
  const world = new NamespaceWorld(template.path);
  const { checkpoints } = await run(world, [openRoot, ...fc.sample(operations, { numRuns: 100, seed: 3 })]);
  const path = checkpoints[0]?.path as string;
  const connections = openDatabase(path);
  const half = new MemoryEditLog();
  half.batches = world.log.batches.slice(0, world.log.batches.length >> 1);
  t.true((await replay(connections.writing, half)) > 0);
  t.true((await replay(connections.writing, world.log)) > 0);
  t.is(await replay(connections.writing, world.log), 0);
  t.is(dump(connections.writing), dump(world.committed));
  connections.close();
  world.close();
});

test('a log that ends before the database, or begins behind it, is refused', async (t) => {
  const world = new NamespaceWorld(template.path);
  const { checkpoints } = await run(world, [
    openRoot,
    ...fc.sample(operations, { numRuns: 30, seed: 3 }),
    'checkpoint',
  ]);
  const [first, last] = checkpoints as [Checkpoint, Checkpoint];
  const log = new MemoryEditLog();
  log.batches = world.log.batches.slice(0, -1);
  const newer = openDatabase(last.path);
  await t.throwsAsync(replay(newer.writing, log), { name: 'DamagedMetadata', message: /the log has lost its end/ });
  newer.close();
  log.batches = world.log.batches.slice(1);
  const older = openDatabase(first.path);
  await t.throwsAsync(replay(older.writing, log), { name: 'DamagedMetadata', message: /those between are missing/ });
  older.close();
  world.close();
});

test('a record of an unknown kind is refused, and what came before it stays', async (t) => {
  const world = new NamespaceWorld(template.path);
  const { checkpoints } = await run(world, [openRoot]);
  const path = checkpoints[0]?.path as string;
  const log = new MemoryEditLog();
  log.batches = [...world.log.batches, { firstTxid: 2, records: [{ op: 'snapshot', timeMs: 1 } as never] }];
  const connections = openDatabase(path);
  await t.throwsAsync(replay(connections.writing, log), { name: 'DamagedMetadata', message: /kind "snapshot"/ });
  t.is(dump(connections.reading), dump(world.committed));
  connections.close();
  world.close();
});
