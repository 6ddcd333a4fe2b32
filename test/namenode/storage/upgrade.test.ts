import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import BetterSqlite3 from 'better-sqlite3';
import { readCounters } from '../../../namenode/storage/counters.js';
import { createDatabase, openDatabase } from '../../../namenode/storage/database.js';

test('a database from before nanoseconds, attributes and quotas gets their columns and tables when it is opened', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'mini-hdfs-upgrade-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'namespace.db');
  createDatabase(path, { clusterId: 'CID-test', owner: 'root', group: 'supergroup', timeMs: 1_000 });
  const old = new BetterSqlite3(path);
  old.exec(
    'ALTER TABLE inodes DROP COLUMN mtime_ns; ALTER TABLE inodes DROP COLUMN atime_ns; ALTER TABLE inodes DROP COLUMN opened_by; DROP TABLE xattrs; ' +
      "DROP TABLE quotas; DROP TABLE usage; DELETE FROM meta WHERE key IN ('quotas', 'usage_from', 'usage_to'); " +
      'INSERT INTO inodes ' +
      "(id, parent, name, type, mode, owner, grp, mtime_ms, atime_ms, children, replication, block_size, length) VALUES (16385, 1, 'f', 1, 420, 'a', 'b', 5, 6, 0, 1, 1, 0)",
  );
  old.close();
  for (let start = 0; start < 2; start++) {
    const { reading, close } = openDatabase(path);
    const row = reading.prepare('SELECT mtime_ms, mtime_ns, atime_ms, atime_ns FROM inodes WHERE id = 16385').get();
    t.deepEqual(row, { mtime_ms: 5, mtime_ns: 0, atime_ms: 6, atime_ns: 0 });
    for (const table of ['xattrs', 'quotas', 'usage']) t.deepEqual(reading.prepare(`SELECT * FROM ${table}`).all(), []);
    t.like(readCounters(reading), { quotas: 0, usageFrom: 0, usageTo: 0 });
    close();
  }
});
