/** Extended attributes: small named values that programs hang on files. */
import type { Database } from 'better-sqlite3';
import { DfsError } from '../../common/errors.js';
import { requireInode } from '../inode-tree.js';
import { type Call, change, type Namesystem } from '../namesystem.js';
import type { DfsPath } from '../paths.js';
import { Access, requireAccess } from '../permissions.js';
import type { InodeRow } from '../storage/rows.js';
import { statement } from '../storage/statements.js';

/** HDFS's limits (dfs.namenode.fs-limits.max-xattrs-per-inode, max-xattr-size), of which the second counts name and value. */
const XATTRS_MAX = 32;
const XATTR_BYTES_MAX = 16_384;
/** Linux's limit. */
const NAME_BYTES_MAX = 255;
/** The name space that needs no privilege: whoever may write to the file may set them. HDFS's others are for HDFS itself. */
const USER_XATTR = /^user\.[^\0\p{Surrogate}]+$/u;

export interface Xattr {
  readonly name: string;
  readonly value: Buffer;
}

export type SetXattrMode = 'set' | 'create' | 'replace';

/** @throws DfsError `FileNotFound`, `AccessControl`. */
export function getXattrs(ns: Namesystem, call: Call, path: DfsPath): Xattr[] {
  const db = ns.journal.committed;
  const { inode } = requireInode(db, call, path);
  requireAccess(call, inode, Access.READ, () => path.text);
  return statement<Xattr>(db, 'SELECT name, value FROM xattrs WHERE inode = ? ORDER BY name').all(inode.id);
}

/** @throws DfsError `XattrExists`, `XattrNotFound`, `QuotaExceeded`, `Unsupported` (another name space), `FileNotFound`, `AccessControl`. */
export async function setXattr(
  ns: Namesystem,
  call: Call,
  path: DfsPath,
  { name, value }: Xattr,
  mode: SetXattrMode,
): Promise<void> {
  checkName(name);
  const bytes = Buffer.byteLength(name) + value.length;
  if (bytes > XATTR_BYTES_MAX) {
    throw new DfsError(
      'QuotaExceeded',
      `The XAttr is too big: ${bytes} bytes, at most ${XATTR_BYTES_MAX} are possible`,
    );
  }
  await change(ns, call, `set the attribute ${name} of ${path.text}`, (tx) => {
    const inode = requireWritable(tx.db, call, path);
    const exists = has(tx.db, inode.id, name);
    if (exists && mode === 'create') throw new DfsError('XattrExists', `XAttr: ${name} already exists.`);
    if (!exists && mode === 'replace') throw missing(name);
    if (!exists && count(tx.db, inode.id) >= XATTRS_MAX) {
      throw new DfsError('QuotaExceeded', `Cannot add additional XAttr to inode, would exceed limit of ${XATTRS_MAX}`);
    }
    return { answer: null, record: { op: 'setXattr', id: inode.id, name, value: value.toString('base64') } };
  });
}

/** @throws DfsError `XattrNotFound`, `FileNotFound`, `AccessControl`. */
export async function removeXattr(ns: Namesystem, call: Call, path: DfsPath, name: string): Promise<void> {
  checkName(name);
  await change(ns, call, `remove the attribute ${name} of ${path.text}`, (tx) => {
    const inode = requireWritable(tx.db, call, path);
    if (!has(tx.db, inode.id, name)) throw missing(name);
    return { answer: null, record: { op: 'setXattr', id: inode.id, name } };
  });
}

function requireWritable(db: Database, call: Call, path: DfsPath): InodeRow {
  const { inode } = requireInode(db, call, path);
  requireAccess(call, inode, Access.WRITE, () => path.text);
  return inode;
}

function checkName(name: string): void {
  if (USER_XATTR.test(name) && Buffer.byteLength(name) <= NAME_BYTES_MAX) return;
  throw new DfsError('Unsupported', `An XAttr name must be "user." and up to ${NAME_BYTES_MAX - 5} bytes more`);
}

function has(db: Database, inode: number, name: string): boolean {
  return statement(db, 'SELECT 1 FROM xattrs WHERE inode = ? AND name = ?').get(inode, name) !== undefined;
}

function count(db: Database, inode: number): number {
  return statement<{ n: number }>(db, 'SELECT count(*) AS n FROM xattrs WHERE inode = ?').get(inode)?.n ?? 0;
}

function missing(name: string): DfsError {
  return new DfsError('XattrNotFound', `No matching attributes found: ${name}`);
}
