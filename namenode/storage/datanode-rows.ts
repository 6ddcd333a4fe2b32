/** The tables `datanodes` and `storages`. */
import type { Database } from 'better-sqlite3';
import { ReplicaDigest } from '../../common/replica-digest.js';
import type { AdminDecision } from './schema.js';
import { statement } from './statements.js';

export interface DatanodeRow {
  readonly uuid: string;
  readonly host: string;
  readonly data_port: number;
  readonly rpc_port: number;
  readonly http_port: number;
  readonly rack: string;
  readonly dead: number;
}

export interface StorageRow {
  readonly id: number;
  readonly uuid: string;
  /** UUID of its DataNode. When that has no row, the storage waits for its rows to be removed. */
  readonly datanode: string;
  readonly replicas: number;
  readonly digest: Buffer;
}

export function allDatanodes(db: Database): DatanodeRow[] {
  return statement<DatanodeRow>(db, 'SELECT * FROM datanodes ORDER BY uuid').all();
}

/** What an administrator has decided; no row: nothing special. */
export interface DatanodeAdminRow {
  readonly datanode: string;
  readonly decision: AdminDecision;
  readonly expires_ms: number;
}

export function adminRow(db: Database, uuid: string): DatanodeAdminRow | undefined {
  return statement<DatanodeAdminRow>(db, 'SELECT * FROM datanode_admin WHERE datanode = ?').get(uuid);
}

export function isKnown(db: Database, uuid: string): boolean {
  return statement(db, 'SELECT 1 FROM datanodes WHERE uuid = ?').get(uuid) !== undefined;
}

/** Its storages stay, without an owner. */
export function removeDatanode(db: Database, uuid: string): void {
  statement(db, 'DELETE FROM datanodes WHERE uuid = ?').run(uuid);
}

export function allStorages(db: Database): StorageRow[] {
  return statement<StorageRow>(db, 'SELECT * FROM storages ORDER BY id').all();
}

export function storageRow(db: Database, id: number): StorageRow | undefined {
  return statement<StorageRow>(db, 'SELECT * FROM storages WHERE id = ?').get(id);
}

export function putDatanode(db: Database, row: DatanodeRow): void {
  statement(
    db,
    `INSERT INTO datanodes (uuid, host, data_port, rpc_port, http_port, rack, dead)
     VALUES (@uuid, @host, @data_port, @rpc_port, @http_port, @rack, @dead)
     ON CONFLICT (uuid) DO UPDATE SET host = excluded.host, data_port = excluded.data_port, rpc_port = excluded.rpc_port,
       http_port = excluded.http_port, rack = excluded.rack, dead = excluded.dead`,
  ).run(row);
}

export function setDead(db: Database, uuid: string): void {
  statement(db, 'UPDATE datanodes SET dead = 1 WHERE uuid = ?').run(uuid);
}

/** Removes the DataNodes that stood at this address under another uuid; returns their uuids. Their storages stay, without an owner. */
export function removeOthersAt(db: Database, host: string, dataPort: number, uuid: string): string[] {
  const sql = 'DELETE FROM datanodes WHERE host = ? AND data_port = ? AND uuid <> ? RETURNING uuid';
  return statement<{ uuid: string }>(db, sql)
    .all(host, dataPort, uuid)
    .map((row) => row.uuid);
}

/** The row of a storage, which now belongs to `datanode`; an empty one when the storage is new. */
export function claimStorage(db: Database, uuid: string, datanode: string): StorageRow {
  const sql = `
    INSERT INTO storages (uuid, datanode, replicas, digest) VALUES (?, ?, 0, ?)
    ON CONFLICT (uuid) DO UPDATE SET datanode = excluded.datanode
    RETURNING *`;
  return statement<StorageRow>(db, sql).get(uuid, datanode, new ReplicaDigest().toBytes()) as StorageRow;
}

export function storagesWithoutOwner(db: Database): number[] {
  const sql = 'SELECT id FROM storages WHERE datanode NOT IN (SELECT uuid FROM datanodes)';
  return statement<{ id: number }>(db, sql)
    .all()
    .map(({ id }) => id);
}

export function hasOwner(db: Database, storage: number): boolean {
  const sql = 'SELECT 1 FROM storages s JOIN datanodes d ON d.uuid = s.datanode WHERE s.id = ?';
  return statement(db, sql).get(storage) !== undefined;
}

export function removeStorage(db: Database, storage: number): void {
  statement(db, 'DELETE FROM storages WHERE id = ?').run(storage);
}
