/** The table `replicas`: which storage holds what of which block. */
import type { Database } from 'better-sqlite3';
import type { Block } from '../../common/block.js';
import { ReplicaDigest } from '../../common/replica-digest.js';
import { storageRow } from './datanode-rows.js';
import { ReplicaRowState } from './schema.js';
import { statement } from './statements.js';

export interface ReplicaRow {
  readonly block: number;
  readonly storage: number;
  readonly generation_stamp: number;
  readonly length: number;
  /** ReplicaRowState */
  readonly state: number;
}

/** As arrays, of which the objects are made here, which takes half the time (see inode-rows.ts). */
type Values = [block: number, storage: number, generationStamp: number, length: number, state: number];

const SELECT = 'SELECT block, storage, generation_stamp, length, state FROM replicas';
const ONE = `${SELECT} WHERE block = ? AND storage = ?`;
const OF_BLOCK = `${SELECT} WHERE block = ? ORDER BY storage`;

export function replicaRow(db: Database, block: number, storage: number): ReplicaRow | undefined {
  const values = statement<Values>(db, ONE).raw().get(block, storage);
  return values === undefined ? undefined : toReplica(values);
}

export function replicasOfBlock(db: Database, block: number): ReplicaRow[] {
  return statement<Values>(db, OF_BLOCK).raw().all(block).map(toReplica);
}

function toReplica(values: Values): ReplicaRow {
  return {
    block: values[0],
    storage: values[1],
    generation_stamp: values[2],
    length: values[3],
    state: values[4],
  };
}

/** Rows of one storage with after < block <= last, in the order of their blocks, at most `limit`. */
export function replicasOfStorage(
  db: Database,
  storage: number,
  after: number,
  last: number,
  limit: number,
): ReplicaRow[] {
  const sql = 'SELECT * FROM replicas WHERE storage = ? AND block > ? AND block <= ? ORDER BY block LIMIT ?';
  return statement<ReplicaRow>(db, sql).all(storage, after, last, limit);
}

export function blocksOfStorage(db: Database, storage: number, after: number, limit: number): number[] {
  const sql = 'SELECT block FROM replicas WHERE storage = ? AND block > ? ORDER BY block LIMIT ?';
  return statement<{ block: number }>(db, sql)
    .all(storage, after, limit)
    .map(({ block }) => block);
}

/** Rows of one storage that wait for deletion, in the order of their blocks. */
export function replicasToDelete(db: Database, storage: number, after: number, limit: number): ReplicaRow[] {
  const sql = 'SELECT * FROM replicas WHERE storage = ? AND block > ? AND state >= 3 ORDER BY block LIMIT ?';
  return statement<ReplicaRow>(db, sql).all(storage, after, limit);
}

export function countReplicasToDelete(db: Database, storage: number): number {
  const sql = "SELECT n FROM tallies WHERE kind = 'to delete' AND key = ?";
  return statement<{ n: number }>(db, sql).get(storage)?.n ?? 0;
}

/** Number of blocks with at least one corrupt replica. */
export function countCorruptBlocks(db: Database): number {
  const sql = `SELECT count(DISTINCT block) AS n FROM replicas WHERE state = ${ReplicaRowState.CORRUPT}`;
  return statement<{ n: number }>(db, sql).get()?.n ?? 0;
}

/** What the DataNode holds does not change with it, so neither do count and digest. */
export function setReplicaState(db: Database, block: number, storage: number, state: number): void {
  statement(db, 'UPDATE replicas SET state = ? WHERE block = ? AND storage = ?').run(state, block, storage);
}

/** Count and digest of one storage while its rows change. */
interface Tally {
  replicas: number;
  readonly digest: ReplicaDigest;
}

/**
 * Adds and removes rows, and keeps count and digest of their storages in step. Only inside {@link changeReplicas}: rows must not be
 * added or removed in any other way.
 */
export class ReplicaChanges {
  readonly #db: Database;
  readonly #tallies = new Map<number, Tally>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** Puts the row of a replica, in place of an earlier one of the same block in the same storage. */
  put(storage: number, block: Block, state: number): void {
    this.remove(storage, block.blockId);
    const sql = 'INSERT INTO replicas (block, storage, generation_stamp, length, state) VALUES (?, ?, ?, ?, ?)';
    statement(this.#db, sql).run(block.blockId, storage, block.generationStamp, block.numBytes, state);
    const tally = this.#tally(storage);
    tally.replicas++;
    tally.digest.add(block);
  }

  /** Removes the row, if there is one. */
  remove(storage: number, blockId: number): void {
    const row = replicaRow(this.#db, blockId, storage);
    if (row === undefined) return;
    statement(this.#db, 'DELETE FROM replicas WHERE block = ? AND storage = ?').run(blockId, storage);
    const tally = this.#tally(storage);
    tally.replicas--;
    tally.digest.remove({ blockId, generationStamp: row.generation_stamp, numBytes: row.length });
  }

  save(): void {
    const update = statement(this.#db, 'UPDATE storages SET replicas = ?, digest = ? WHERE id = ?');
    for (const [storage, { replicas, digest }] of this.#tallies) update.run(replicas, digest.toBytes(), storage);
  }

  #tally(storage: number): Tally {
    let tally = this.#tallies.get(storage);
    if (tally === undefined) {
      const row = storageRow(this.#db, storage);
      tally = {
        replicas: row?.replicas ?? 0,
        digest: row === undefined ? new ReplicaDigest() : ReplicaDigest.fromBytes(row.digest),
      };
      this.#tallies.set(storage, tally);
    }
    return tally;
  }
}

/** Runs `change` and writes the counts and digests that follow from it, in the open transaction. */
export function changeReplicas<T>(db: Database, change: (changes: ReplicaChanges) => T): T {
  const changes = new ReplicaChanges(db);
  const result = change(changes);
  changes.save();
  return result;
}
