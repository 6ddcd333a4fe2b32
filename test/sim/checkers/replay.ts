/** The edit log, applied to an empty namespace, gives the tables that the NameNode works with, row for row. */
import { join } from 'node:path';
import type { Database } from 'better-sqlite3';
import { superuserName } from '../../../namenode/namenode-core.js';
import { createDatabase, openDatabase, readMeta } from '../../../namenode/storage/database.js';
import { replay as replayLog } from '../../../namenode/storage/replay.js';
import { EPOCH_MS } from '../process-clock.js';
import type { Checker } from './checker.js';

const LOGGED_TABLES = {
  meta: 'SELECT * FROM meta ORDER BY key',
  inodes: 'SELECT * FROM inodes ORDER BY id',
  blocks: 'SELECT * FROM blocks ORDER BY id',
  retry_cache: 'SELECT * FROM retry_cache ORDER BY client_id, call_id',
  datanode_admin: 'SELECT * FROM datanode_admin ORDER BY datanode',
  xattrs: 'SELECT * FROM xattrs ORDER BY inode, name',
  quotas: 'SELECT * FROM quotas ORDER BY inode',
  usage: 'SELECT * FROM usage ORDER BY inode',
} as const;

export const replay: Checker = {
  name: 'replay',
  async check(cluster) {
    const { database, core } = cluster.namenode;
    if (database === undefined || core === undefined) throw new Error('the NameNode is not up');
    const path = join(cluster.directory, 'replayed.db');
    createDatabase(path, {
      clusterId: database.clusterId,
      owner: superuserName(),
      group: 'supergroup',
      timeMs: EPOCH_MS,
    });
    const replayed = openDatabase(path);
    try {
      await replayLog(replayed.writing, database.log);
      // The NameNode may have gone on meanwhile: what it has done since is replayed as well, until both agree where they are.
      while (readMeta(replayed.writing, 'applied_txid') !== core.journal.lastTxid) {
        await replayLog(replayed.writing, database.log);
      }
      for (const [table, sql] of Object.entries(LOGGED_TABLES)) {
        const difference = firstDifference(rows(database.connections.reading, sql), rows(replayed.writing, sql));
        if (difference !== undefined) cluster.world.violation(`replay gives another ${table}: ${difference}`);
      }
    } finally {
      replayed.close();
    }
  },
};

function rows(db: Database, sql: string): string[] {
  return db
    .prepare(sql)
    .all()
    .map((row) => JSON.stringify(row));
}

function firstDifference(live: readonly string[], replayed: readonly string[]): string | undefined {
  for (let i = 0; i < Math.max(live.length, replayed.length); i++) {
    if (live[i] !== replayed[i]) return `live ${live[i]}, replayed ${replayed[i]}`;
  }
  return undefined;
}
