import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import BetterSqlite3 from 'better-sqlite3';
import { createDatabase, openDatabase } from '../../../namenode/storage/database.js';
import { adminRow } from '../../../namenode/storage/datanode-rows.js';

test('a database of before gets the tables that came later, empty', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'mini-hdfs-upgrade-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'namespace.db');
  createDatabase(path, { clusterId: 'CID-1', owner: 'root', group: 'supergroup', timeMs: 1 });
  const old = new BetterSqlite3(path);
  old.exec('DROP TABLE datanode_admin; DROP TABLE xattrs');
  old.close();
  const { reading, close } = openDatabase(path);
  t.is(adminRow(reading, 'dn-1'), undefined);
  t.is(reading.prepare('SELECT count(*) FROM xattrs').pluck().get(), 0);
  close();
});
