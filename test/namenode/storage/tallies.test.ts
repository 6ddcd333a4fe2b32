import test from 'ava';
import Sqlite, { type Database } from 'better-sqlite3';
import fc from 'fast-check';
import { claimStorage } from '../../../namenode/storage/datanode-rows.js';
import { countQueued, queueBlock, unqueueBlock } from '../../../namenode/storage/redundancy-rows.js';
import { changeReplicas, countReplicasToDelete, setReplicaState } from '../../../namenode/storage/replica-rows.js';
import { ReplicaRowState, SCHEMA } from '../../../namenode/storage/schema.js';
import { addWhatCameLater } from '../../../namenode/storage/upgrade.js';

const STORAGES = [1, 2];

const step = fc.record({
  kind: fc.constantFrom('put', 'remove', 'state', 'state', 'queue', 'queue', 'unqueue'),
  storage: fc.constantFrom(...STORAGES),
  block: fc.integer({ min: 1, max: 5 }),
  state: fc.constantFrom(...Object.values(ReplicaRowState)),
  priority: fc.integer({ min: 0, max: 4 }),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

function database(): Database {
  const db = new Sqlite(':memory:');
  db.exec(SCHEMA);
  for (const storage of STORAGES) claimStorage(db, `ds-${storage}`, 'dn');
  return db;
}

function take(db: Database, { kind, storage, block, state, priority }: Step): void {
  const replica = { blockId: block, generationStamp: 1, numBytes: 1 };
  if (kind === 'put') changeReplicas(db, (changes) => changes.put(storage, replica, state));
  else if (kind === 'remove') changeReplicas(db, (changes) => changes.remove(storage, block));
  else if (kind === 'state') setReplicaState(db, block, storage, state);
  else if (kind === 'queue') queueBlock(db, block, priority);
  else unqueueBlock(db, block);
}

/** The tallies, and the same counted. */
function counts(db: Database): { tallied: Record<string, number>; counted: Record<string, number> } {
  const tallied: Record<string, number> = {};
  const counted: Record<string, number> = {};
  for (const storage of STORAGES) {
    tallied[`storage ${storage}`] = countReplicasToDelete(db, storage);
    const sql = 'SELECT count(*) AS n FROM replicas WHERE storage = ? AND state >= 3';
    counted[`storage ${storage}`] = db.prepare<[number], { n: number }>(sql).get(storage)?.n ?? 0;
  }
  const queued = countQueued(db);
  for (let priority = 0; priority <= 4; priority++) {
    tallied[`priority ${priority}`] = queued.get(priority) ?? 0;
    const sql = 'SELECT count(*) AS n FROM low_redundancy WHERE priority = ?';
    counted[`priority ${priority}`] = db.prepare<[number], { n: number }>(sql).get(priority)?.n ?? 0;
  }
  return { tallied, counted };
}

test('property: the tallies are what counting gives, whatever changes', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const db = database();
      for (const one of steps) take(db, one);
      const { tallied, counted } = counts(db);
      t.deepEqual(tallied, counted);
    }),
    { numRuns: 200 },
  );
});

test('an older database gets its tallies counted', (t) => {
  const db = database();
  db.exec('DROP TABLE tallies');
  const triggers = db.prepare<[], { name: string }>("SELECT name FROM sqlite_schema WHERE type = 'trigger'").all();
  for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`);
  for (const block of [1, 2, 3]) {
    queueBlock(db, block, block % 2);
    changeReplicas(db, (changes) =>
      changes.put(1, { blockId: block, generationStamp: 1, numBytes: 1 }, ReplicaRowState.INVALIDATE),
    );
  }
  addWhatCameLater(db);
  queueBlock(db, 4, 0);
  const { tallied, counted } = counts(db);
  t.deepEqual(tallied, counted);
  t.is(tallied['storage 1'], 3);
  addWhatCameLater(db);
  t.deepEqual(counts(db).tallied, tallied, 'once');
});
