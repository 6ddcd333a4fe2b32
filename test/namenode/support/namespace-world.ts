import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { createLogger } from '../../../common/logging.js';
import { LeaseManager } from '../../../namenode/lease-manager.js';
import type { Namesystem } from '../../../namenode/namesystem.js';
import { RetryTime } from '../../../namenode/retry-time.js';
import { type Connections, createDatabase, openDatabase } from '../../../namenode/storage/database.js';
import { GroupCommitJournal } from '../../../namenode/storage/group-commit.js';
import { replay } from '../../../namenode/storage/replay.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeBlocks } from './fake-blocks.js';
import { MemoryEditLog } from './memory-edit-log.js';
import { SETTINGS } from './namesystem-fixture.js';

const LOGGED_TABLES = {
  meta: 'key',
  inodes: 'id',
  blocks: 'id',
  xattrs: 'inode, name',
  retry_cache: 'client_id, call_id',
  datanode_admin: 'datanode',
  quotas: 'inode',
  usage: 'inode',
};

/** All rows of all logged tables, to be compared. */
export function dump(db: Database): string {
  const tables = Object.entries(LOGGED_TABLES).map(([table, order]) => [
    table,
    db.prepare(`SELECT * FROM ${table} ORDER BY ${order}`).all(),
  ]);
  return JSON.stringify(tables, null, 1);
}

/** A namesystem that can be stopped, copied and started again from any copy of its database. */
export class NamespaceWorld {
  readonly clock = new FakeClock();
  readonly blocks = new FakeBlocks();
  readonly log = new MemoryEditLog();
  ns: Namesystem;
  #connections: Connections;
  #copies = 0;
  readonly #directory = mkdtempSync(join(tmpdir(), 'mini-hdfs-world-'));

  constructor(template: string) {
    const path = join(this.#directory, 'namespace.db');
    copyFileSync(template, path);
    this.#connections = openDatabase(path);
    this.ns = this.#open();
  }

  get committed(): Database {
    return this.ns.journal.committed;
  }

  /** A copy of the database as it is now: what a checkpoint leaves behind. */
  checkpoint(): string {
    const path = join(this.#directory, `checkpoint-${this.#copies++}.db`);
    this.#connections.writing.prepare('VACUUM INTO ?').run(path);
    return path;
  }

  /** The tables after applying, to a copy of the database, the log up to `batches`. */
  async replayed(checkpoint: string, batches: number): Promise<string> {
    const path = join(this.#directory, `replay-${this.#copies++}.db`);
    copyFileSync(checkpoint, path);
    const connections = openDatabase(path);
    const log = new MemoryEditLog();
    log.batches = this.log.batches.slice(0, batches);
    await replay(connections.writing, log);
    const tables = dump(connections.writing);
    connections.close();
    return tables;
  }

  /** Goes on from a copy of the database and the whole log, as after a crash that took all later writes to the database. */
  async restart(checkpoint: string): Promise<void> {
    this.#connections.close();
    const path = join(this.#directory, `namespace-${this.#copies++}.db`);
    copyFileSync(checkpoint, path);
    this.#connections = openDatabase(path);
    await replay(this.#connections.writing, this.log);
    this.ns = this.#open();
  }

  close(): void {
    this.#connections.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #open(): Namesystem {
    const logger = createLogger({ name: 'test', level: 'silent' });
    return {
      journal: new GroupCommitJournal({
        db: this.#connections.writing,
        committed: this.#connections.reading,
        log: this.log,
        clock: this.clock,
        logger,
        observer: {
          batch() {},
          batchFailed() {},
          fatal(error) {
            throw error;
          },
        },
      }),
      blocks: this.blocks,
      clock: this.clock,
      retryTime: new RetryTime(this.clock),
      logger,
      leases: new LeaseManager({ softLimitMs: 60_000, hardLimitMs: 1_200_000 }),
      settings: SETTINGS,
      onDeleted: () => {},
    };
  }
}

/** The database of an empty namespace, to be copied by each {@link NamespaceWorld}. The caller removes its directory. */
export function makeTemplate(timeMs: number): { path: string; remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), 'mini-hdfs-template-'));
  const path = join(directory, 'namespace.db');
  createDatabase(path, { clusterId: 'CID-test', owner: 'root', group: 'supergroup', timeMs });
  return { path, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
