import test from 'ava';
import Sqlite from 'better-sqlite3';
import fc from 'fast-check';
import { ReplicaDigest } from '../../../common/replica-digest.js';
import { claimStorage, storageRow } from '../../../namenode/storage/datanode-rows.js';
import { changeReplicas, type ReplicaRow, setReplicaState } from '../../../namenode/storage/replica-rows.js';
import { ReplicaRowState, SCHEMA } from '../../../namenode/storage/schema.js';

const change = fc.record({
  storage: fc.integer({ min: 1, max: 3 }),
  block: fc.integer({ min: 1, max: 6 }),
  stamp: fc.integer({ min: 1, max: 3 }),
  length: fc.integer({ min: 0, max: 3 }),
  kind: fc.constantFrom('put', 'put', 'remove', 'state'),
});

function database() {
  const db = new Sqlite(':memory:');
  db.exec(SCHEMA);
  for (const uuid of ['ds-1', 'ds-2', 'ds-3']) claimStorage(db, uuid, 'dn');
  return db;
}

test('property: count and digest of each storage are those of its rows, whatever changes in whatever batches', (t) => {
  fc.assert(
    fc.property(fc.array(fc.array(change, { maxLength: 8 }), { maxLength: 8 }), (batches) => {
      const db = database();
      for (const batch of batches) {
        changeReplicas(db, (changes) => {
          for (const { storage, block, stamp, length, kind } of batch) {
            const replica = { blockId: block, generationStamp: stamp, numBytes: length };
            if (kind === 'put') changes.put(storage, replica, ReplicaRowState.LIVE);
            else if (kind === 'remove') changes.remove(storage, block);
            else setReplicaState(db, block, storage, ReplicaRowState.CORRUPT);
          }
        });
      }
      for (const id of [1, 2, 3]) {
        const rows = db.prepare<[number], ReplicaRow>('SELECT * FROM replicas WHERE storage = ?').all(id);
        const digest = new ReplicaDigest();
        for (const row of rows) {
          digest.add({ blockId: row.block, generationStamp: row.generation_stamp, numBytes: row.length });
        }
        const storage = storageRow(db, id);
        if (storage?.replicas !== rows.length || !storage.digest.equals(digest.toBytes())) return false;
      }
      return true;
    }),
  );
  t.pass();
});

test('a storage keeps its row when another DataNode claims it', (t) => {
  const db = database();
  changeReplicas(db, (changes) =>
    changes.put(1, { blockId: 1, generationStamp: 1, numBytes: 1 }, ReplicaRowState.LIVE),
  );
  const moved = claimStorage(db, 'ds-1', 'another');
  t.like(moved, { id: 1, datanode: 'another', replicas: 1 });
});
