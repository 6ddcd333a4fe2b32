/**
 * The SQLite database of a NameNode: the checkpoint of its namespace. One connection writes, a second, read-only one sees what is
 * committed. It is a checkpoint and not the truth: whatever the edit log holds beyond it is applied at the start.
 */
import BetterSqlite3, { type Database } from 'better-sqlite3';
import { DfsError, messageOf } from '../../common/errors.js';
import { INITIAL_COUNTERS, writeCounters } from './counters.js';
import { InodeType, LAYOUT_VERSION, ROOT_INODE_ID, ROOT_PARENT_ID, SCHEMA } from './schema.js';
import { statement } from './statements.js';
import { addWhatCameLater } from './upgrade.js';

/** Page cache of each connection. */
const CACHE_KIB = 64 * 1024;
/** How long a transaction waits for another process that has the database open; nobody should. */
const BUSY_TIMEOUT_MS = 1_000;

export interface NewNamespace {
  readonly clusterId: string;
  /** The root directory's owner and group. */
  readonly owner: string;
  readonly group: string;
  readonly timeMs: number;
}

/** Makes the database of an empty namespace. `path` must not exist. */
export function createDatabase(path: string, { clusterId, owner, group, timeMs }: NewNamespace): void {
  const db = new BetterSqlite3(path);
  try {
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    db.transaction(() => {
      db.exec(SCHEMA);
      statement(db, "INSERT INTO meta (key, value) VALUES ('layout_version', CAST(? AS INTEGER))").run(LAYOUT_VERSION);
      statement(db, "INSERT INTO meta (key, value) VALUES ('cluster_id', ?)").run(clusterId);
      writeCounters(db, INITIAL_COUNTERS);
      statement(
        db,
        `INSERT INTO inodes (id, parent, name, type, mode, owner, grp, mtime_ms, atime_ms, children, replication, block_size, length)
         VALUES (?, ?, '', ?, ?, ?, ?, ?, 0, 0, 0, 0, 0)`,
      ).run(ROOT_INODE_ID, ROOT_PARENT_ID, InodeType.DIRECTORY, 0o755, owner, group, timeMs);
    })();
  } finally {
    db.close();
  }
}

const RECOVER_HINT = 'dfs namenode --recover says what can be kept';

export interface Connections {
  readonly writing: Database;
  readonly reading: Database;
  close(): void;
}

/** @throws DfsError `DamagedMetadata` when the file is not a database of this layout. */
export function openDatabase(path: string): Connections {
  try {
    const writing = new BetterSqlite3(path, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
    configure(writing);
    writing.pragma('journal_mode = WAL');
    // Losing the last commits in a power failure is fine (the edit log has them), so only checkpoints sync.
    writing.pragma('synchronous = NORMAL');
    // Folding the WAL into the database takes long; wal-folder.ts does it beside the event loop.
    writing.pragma('wal_autocheckpoint = 0');
    checkLayout(path, writing);
    addWhatCameLater(writing);
    const reading = new BetterSqlite3(path, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
    configure(reading);
    return {
      writing,
      reading,
      close() {
        reading.close();
        writing.close();
      },
    };
  } catch (error) {
    if (error instanceof DfsError) throw error;
    throw new DfsError(
      'DamagedMetadata',
      `${path} cannot be opened as a database (${messageOf(error)}); ${RECOVER_HINT}`,
      { cause: error },
    );
  }
}

/**
 * SQLite notices damaged pages only when something reads them.
 * @returns for such an error a `DamagedMetadata` that says what to do, any other one as it is.
 */
export function explainDamage(error: unknown, path: string): unknown {
  if (!(error instanceof BetterSqlite3.SqliteError) || !/^SQLITE_(CORRUPT|NOTADB)/.test(error.code)) return error;
  return new DfsError('DamagedMetadata', `${path} is damaged (${error.message}); ${RECOVER_HINT}`, { cause: error });
}

export function readMeta(db: Database, key: string): string | number | undefined {
  return statement<{ value: string | number }>(db, 'SELECT value FROM meta WHERE key = ?').get(key)?.value;
}

/**
 * Has SQLite read all of a database.
 * @throws DfsError `DamagedMetadata` when something is wrong with it.
 */
export function requireSound(path: string, db: Database): void {
  let found: unknown;
  try {
    checkLayout(path, db);
    found = db.pragma('integrity_check(1)', { simple: true });
  } catch (cause) {
    if (cause instanceof DfsError) throw cause;
    throw new DfsError('DamagedMetadata', `${path} is damaged (${messageOf(cause)})`, { cause });
  }
  if (found !== 'ok') throw new DfsError('DamagedMetadata', `${path} is damaged (${String(found)})`);
}

function configure(db: Database): void {
  db.pragma(`cache_size = -${CACHE_KIB}`);
  db.pragma('temp_store = MEMORY');
}

function checkLayout(path: string, db: Database): void {
  const layout = readMeta(db, 'layout_version');
  if (layout !== LAYOUT_VERSION) {
    throw new DfsError(
      'DamagedMetadata',
      `${path} has layout version ${String(layout)}, but this version of the NameNode works with ${LAYOUT_VERSION}`,
    );
  }
}
