/**
 * Keeps two processes out of one directory. HDFS locks `in_use.lock` with the operating system's file locks, which Node does not
 * offer; SQLite does take such locks, and the kernel releases them when the process dies, however it dies. The database
 * stays empty, so that no crash can damage it.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { DfsError, messageOf } from './errors.js';

export interface DirectoryLock {
  /** May be called more than once. */
  release(): void;
}

/**
 * Takes the directory, which must exist, for this process.
 * @throws DfsError `DirectoryLocked`, naming the directory and the process that holds it; `InvalidConfiguration` when there is
 *   no such directory or it cannot be written.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const database = openLockDatabase(directory);
  try {
    database.exec('BEGIN EXCLUSIVE');
    writeFileSync(pidFile(directory), `${process.pid}\n`);
  } catch (error) {
    database.close();
    throw isBusy(error) ? lockedError(directory) : unusableError(directory, error);
  }
  return { release: () => database.close() };
}

function openLockDatabase(directory: string): Database.Database {
  try {
    if (!statSync(directory).isDirectory()) throw new Error('it is not a directory');
    return new Database(join(directory, 'in_use.lock'), { timeout: 0 });
  } catch (error) {
    throw unusableError(directory, error);
  }
}

function pidFile(directory: string): string {
  return join(directory, 'in_use.pid');
}

function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY');
}

function lockedError(directory: string): DfsError {
  const holder = holderOf(directory);
  const stop = holder === '' ? 'Stop that process' : `Stop process ${holder}`;
  return new DfsError(
    'DirectoryLocked',
    `${directory} is in use by another process. ${stop}, or use another directory.`,
  );
}

function holderOf(directory: string): string {
  try {
    return readFileSync(pidFile(directory), 'utf8').trim();
  } catch {
    return '';
  }
}

function unusableError(directory: string, error: unknown): DfsError {
  return new DfsError('InvalidConfiguration', `Cannot use the directory ${directory}: ${messageOf(error)}.`, {
    cause: error,
  });
}
