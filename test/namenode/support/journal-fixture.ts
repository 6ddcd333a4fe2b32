import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../../common/clock.js';
import { systemClock } from '../../../common/clock.js';
import type { DfsError } from '../../../common/errors.js';
import { createLogger } from '../../../common/logging.js';
import { type Connections, createDatabase, openDatabase } from '../../../namenode/storage/database.js';
import { GroupCommitJournal } from '../../../namenode/storage/group-commit.js';
import { MemoryEditLog } from './memory-edit-log.js';

export interface JournalFixture {
  readonly journal: GroupCommitJournal;
  readonly log: MemoryEditLog;
  readonly connections: Connections;
  readonly databasePath: string;
  /** What the journal called fatal. */
  readonly fatal: DfsError[];
  close(): Promise<void>;
}

/** A journal over a fresh, empty namespace in a temporary directory; `close` removes it. The owner of everything is "root". */
export function openJournalFixture(
  options: { clock?: Clock; log?: MemoryEditLog; batchIntervalMs?: number } = {},
): JournalFixture {
  const directory = mkdtempSync(join(tmpdir(), 'mini-hdfs-journal-'));
  const databasePath = join(directory, 'namespace.db');
  createDatabase(databasePath, { clusterId: 'CID-test', owner: 'root', group: 'supergroup', timeMs: 1_000 });
  const connections = openDatabase(databasePath);
  const log = options.log ?? new MemoryEditLog();
  const fatal: DfsError[] = [];
  const journal = new GroupCommitJournal({
    db: connections.writing,
    committed: connections.reading,
    log,
    clock: options.clock ?? systemClock,
    logger: createLogger({ name: 'test', level: 'silent' }),
    batchIntervalMs: options.batchIntervalMs ?? 0,
    observer: { batch() {}, batchFailed() {}, fatal: (error) => fatal.push(error) },
  });
  return {
    journal,
    log,
    connections,
    databasePath,
    fatal,
    async close() {
      await journal.close();
      connections.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
