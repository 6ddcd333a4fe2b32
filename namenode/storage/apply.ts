/**
 * Edit records become rows here, and nowhere else: live operations and the replay of the log run the same functions. Rules that keep
 * both equal, row for row: no clock, no randomness, no reading of derived tables; what is not in the record is read from logged
 * tables or from the counters.
 */
import type { Database } from 'better-sqlite3';
import { DfsError } from '../../common/errors.js';
import * as blocks from './apply-blocks.js';
import { concat } from './apply-concat.js';
import { setDatanodeAdmin } from './apply-datanode-admin.js';
import * as inodes from './apply-inodes.js';
import { setQuota } from './apply-quotas.js';
import * as recovery from './apply-recovery.js';
import { replaceContents } from './apply-replace.js';
import { rememberAnswer } from './apply-retry-cache.js';
import { setXattr } from './apply-xattrs.js';
import { type Counters, readCounters, writeCounters } from './counters.js';
import type { EditRecord } from './edit-records.js';
import { countUsage, forgetUsage, recountingSpace } from './usage.js';

/** What the functions of one record kind work on. */
export interface ApplyState {
  readonly db: Database;
  readonly counters: Counters;
}

/** Applies records to the tables of one connection, in a transaction that the caller has open. */
export class Applier {
  readonly #db: Database;
  #state: ApplyState;
  #saved: Readonly<Counters>;

  constructor(db: Database) {
    this.#db = db;
    this.#state = { db, counters: readCounters(db) };
    this.#saved = { ...this.#state.counters };
  }

  get counters(): Readonly<Counters> {
    return this.#state.counters;
  }

  /** @throws DfsError `DamagedMetadata` when the record does not follow from the tables. */
  apply(txid: number, record: EditRecord): void {
    const { counters } = this.#state;
    if (txid !== counters.appliedTxid + 1) {
      throw new DfsError('DamagedMetadata', `transaction ${txid} does not follow ${counters.appliedTxid}`);
    }
    applyKind(this.#state, record);
    rememberAnswer(this.#state, txid, record);
    counters.appliedTxid = txid;
  }

  /** Puts the counters into the open transaction; once, before it commits. */
  saveCounters(): void {
    writeCounters(this.#db, this.#state.counters, this.#saved);
  }

  /** After a commit: the counters as they are now are those on disk. */
  committed(): void {
    this.#saved = { ...this.#state.counters };
  }

  /** After a rollback: as if nothing had been applied since the last commit. */
  rolledBack(): void {
    this.#state = { db: this.#db, counters: { ...this.#saved } };
  }
}

function applyKind(state: ApplyState, record: EditRecord): void {
  switch (record.op) {
    case 'mkdirs':
      return inodes.mkdirs(state, record);
    case 'create':
      return inodes.create(state, record);
    case 'symlink':
      return inodes.symlink(state, record);
    case 'setXattr':
      return setXattr(state, record);
    case 'rename':
      return inodes.rename(state, record);
    case 'delete':
      return inodes.detach(state, record.id, record.timeMs);
    case 'setPermission':
      return inodes.setPermission(state, record);
    case 'setOwner':
      return inodes.setOwner(state, record);
    case 'setTimes':
      return inodes.setTimes(state, record);
    case 'setAttributes':
      inodes.setOwner(state, record);
      inodes.setPermission(state, record);
      return inodes.setTimes(state, record);
    case 'append':
      return recountingSpace(state, [record.inode], () => blocks.append(state, record));
    case 'addBlock':
      return recountingSpace(state, [record.inode], () => blocks.addBlock(state, record));
    case 'abandonBlock':
      return recountingSpace(state, [record.inode], () => blocks.abandonBlock(state, record));
    case 'takeStamp':
      return blocks.takeStamp(state, record.generationStamp);
    case 'updatePipeline':
      return recountingSpace(state, [record.inode], () => blocks.updatePipeline(state, record));
    case 'fsync':
      return recountingSpace(state, [record.inode], () =>
        blocks.setLength(state, record.inode, record.block, record.length),
      );
    case 'commitBlock':
      return recountingSpace(state, [record.inode], () => blocks.commitBlock(state, record.inode, record.block));
    case 'completeBlocks':
      return blocks.completeBlocks(state, record);
    case 'close':
      return recountingSpace(state, [record.inode], () => blocks.close(state, record));
    case 'recoverBlock':
      return recountingSpace(state, [record.inode], () => recovery.recoverBlock(state, record));
    case 'finishRecovery':
      return recountingSpace(state, [record.inode], () => recovery.finishRecovery(state, record));
    case 'truncate':
      return recountingSpace(state, [record.inode], () => recovery.truncate(state, record));
    case 'concat':
      return concat(state, record);
    case 'replaceContents':
      return replaceContents(state, record);
    case 'setReplication':
      return recountingSpace(state, [record.id], () => blocks.setReplication(state, record));
    case 'reap':
      return blocks.reap(state, record);
    case 'setDatanodeAdmin':
      return setDatanodeAdmin(state, record);
    case 'setQuota':
      return setQuota(state, record);
    case 'countUsage':
      return countUsage(state, record.upTo);
    case 'forgetUsage':
      return forgetUsage(state, record.rows);
    default:
      return unknownKind(record);
  }
}

function unknownKind(record: never): never {
  const { op } = record as { op?: unknown };
  throw new DfsError(
    'DamagedMetadata',
    `the edit log holds a record of kind "${String(op)}", which this version does not know`,
  );
}
