/**
 * The tables of the checkpoint. There are two kinds:
 *
 * - **Logged** tables change only in apply.ts, by an edit record, and replay of the log rebuilds them row for row.
 * - **Derived** tables hold what DataNodes report and what follows from it. They change in the same transactions but are not in the
 *   log: what a crash takes away, the next digest or report brings back. apply.ts may *add* to redundancy_check
 *   and mark replicas for deletion, because that follows from an edit; it never reads a derived table.
 */

export const LAYOUT_VERSION = 1;

/** inodes.type */
export const InodeType = { FILE: 1, DIRECTORY: 2, SYMLINK: 3 } as const;

/** The root directory. */
export const ROOT_INODE_ID = 1;
/** Its parent: no inode, so that it stands in no listing and is not among the deleted. */
export const ROOT_PARENT_ID = -1;
/**
 * Parent of what was deleted and is not yet taken apart: a delete moves the top of its tree here (under its id as name), in one
 * row; the reaper then removes the tree in slices.
 */
export const DELETED_INODE_ID = 0;
/** Ids of new inodes count up from here (HDFS: 16385). */
export const FIRST_INODE_ID = 16385;
/** Block ids count up from here. */
export const FIRST_BLOCK_ID = 2 ** 30 + 1;
/** Generation stamps count up from here. */
export const FIRST_GENERATION_STAMP = 1001;

/** blocks.state */
export const BlockState = {
  UNDER_CONSTRUCTION: 1,
  UNDER_RECOVERY: 2,
  /** The client has said that it is finished, with its final length and stamp; not yet enough replicas reported. */
  COMMITTED: 3,
  COMPLETE: 4,
} as const;

/** replicas.state: what the NameNode makes of a replica that a DataNode has FINALIZED. */
export const ReplicaRowState = {
  LIVE: 1,
  CORRUPT: 2,
  /** To be deleted: corrupt, or of a block that is gone. The row stays until the DataNode reports the deletion. */
  INVALIDATE: 3,
  /** A good one to be deleted, because there are more than enough; it can still be kept, should the others get lost. */
  EXCESS: 4,
} as const;

/** What an administrator has decided about a DataNode. */
export const AdminDecision = { NORMAL: 'normal', DECOMMISSION: 'decommission', MAINTENANCE: 'maintenance' } as const;
export type AdminDecision = (typeof AdminDecision)[keyof typeof AdminDecision];

/** A logged table that came later than the layout, see upgrade.ts. */
export const DATANODE_ADMIN_TABLE = `
CREATE TABLE IF NOT EXISTS datanode_admin (
  datanode TEXT PRIMARY KEY,     -- its uuid
  decision TEXT NOT NULL,        -- AdminDecision; no row: NORMAL
  expires_ms INTEGER NOT NULL    -- when maintenance ends by itself; 0: never
) STRICT, WITHOUT ROWID;
`;

/** A logged table that came later than the layout, see upgrade.ts. */
export const XATTRS_TABLE = `
CREATE TABLE IF NOT EXISTS xattrs ( -- extended attributes
  inode INTEGER NOT NULL,
  name TEXT NOT NULL,            -- with its name space: user.origin
  value BLOB NOT NULL,
  PRIMARY KEY (inode, name)
) STRICT, WITHOUT ROWID;
`;

/** Logged tables that came later than the layout, see upgrade.ts. */
export const QUOTA_TABLES = `
CREATE TABLE IF NOT EXISTS quotas (
  inode INTEGER PRIMARY KEY,     -- a directory
  names INTEGER,                 -- how many inodes its tree may have, itself included; NULL: any number
  space INTEGER                  -- how many bytes all their replicas may take; NULL: any number
) STRICT;
CREATE TABLE IF NOT EXISTS usage ( -- of every directory, as long as there are quotas (usage.ts)
  inode INTEGER PRIMARY KEY,
  names INTEGER NOT NULL,
  space INTEGER NOT NULL
) STRICT;
`;

/** A derived table that came later than the layout, see upgrade.ts: what would take too long to count whenever it is asked for. */
export const TALLIES = `
CREATE TABLE tallies (
  kind TEXT NOT NULL,            -- 'queued': rows of low_redundancy; 'to delete': those of replicas_to_delete
  key INTEGER NOT NULL,          -- their priority; their storage
  n INTEGER NOT NULL,
  PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER queued_added AFTER INSERT ON low_redundancy BEGIN
  INSERT INTO tallies VALUES ('queued', new.priority, 1) ON CONFLICT (kind, key) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER queued_moved AFTER UPDATE OF priority ON low_redundancy WHEN old.priority <> new.priority BEGIN
  UPDATE tallies SET n = n - 1 WHERE kind = 'queued' AND key = old.priority;
  INSERT INTO tallies VALUES ('queued', new.priority, 1) ON CONFLICT (kind, key) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER queued_removed AFTER DELETE ON low_redundancy BEGIN
  UPDATE tallies SET n = n - 1 WHERE kind = 'queued' AND key = old.priority;
END;
CREATE TRIGGER to_delete_added AFTER INSERT ON replicas WHEN new.state >= 3 BEGIN
  INSERT INTO tallies VALUES ('to delete', new.storage, 1) ON CONFLICT (kind, key) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER to_delete_changed AFTER UPDATE OF state ON replicas WHEN (old.state >= 3) <> (new.state >= 3) BEGIN
  INSERT INTO tallies VALUES ('to delete', new.storage, 1)
    ON CONFLICT (kind, key) DO UPDATE SET n = n + iif(new.state >= 3, 1, -1);
END;
CREATE TRIGGER to_delete_removed AFTER DELETE ON replicas WHEN old.state >= 3 BEGIN
  UPDATE tallies SET n = n - 1 WHERE kind = 'to delete' AND key = old.storage;
END;
`;

/** Counts what {@link TALLIES} is to hold, when it comes into a database that has rows. */
export const FILL_TALLIES = `
INSERT INTO tallies SELECT 'queued', priority, count(*) FROM low_redundancy GROUP BY priority;
INSERT INTO tallies SELECT 'to delete', storage, count(*) FROM replicas WHERE state >= 3 GROUP BY storage;
`;

export const SCHEMA = `
-- ---- Logged ------------------------------------------------------------------------------------------------------
CREATE TABLE meta (
  key TEXT PRIMARY KEY,          -- layout_version, cluster_id, namespace_id, applied_txid, next_inode_id, next_block_id,
  value ANY NOT NULL             -- generation_stamp (the last one given out), files, directories, blocks (how many there are,
                                 -- with those deleted but not yet taken apart), retry_entries, …: counters.ts
) STRICT, WITHOUT ROWID;

CREATE TABLE inodes (
  id INTEGER PRIMARY KEY,
  parent INTEGER NOT NULL,
  name TEXT NOT NULL,            -- sorted by its UTF-8 bytes (SQLite's BINARY order)
  type INTEGER NOT NULL,         -- InodeType
  mode INTEGER NOT NULL,
  owner TEXT NOT NULL,
  grp TEXT NOT NULL,
  mtime_ms INTEGER NOT NULL,
  atime_ms INTEGER NOT NULL,
  children INTEGER NOT NULL,     -- directories: number of entries
  replication INTEGER NOT NULL,  -- files; 0 otherwise
  block_size INTEGER NOT NULL,   -- files; 0 otherwise
  length INTEGER NOT NULL,       -- files: the sum of the lengths of its blocks, as far as known
  lease_holder TEXT,             -- files open for writing: the client's name
  symlink TEXT,
  mtime_ns INTEGER NOT NULL DEFAULT 0, -- nanoseconds within the millisecond
  atime_ns INTEGER NOT NULL DEFAULT 0,
  opened_by INTEGER NOT NULL DEFAULT 0 -- files open for writing: the number (call_id) of the call that opened it; 0: it had none
) STRICT;
CREATE UNIQUE INDEX inodes_by_name ON inodes (parent, name);
CREATE INDEX inodes_by_lease ON inodes (lease_holder, id) WHERE lease_holder IS NOT NULL;

CREATE TABLE blocks (
  id INTEGER PRIMARY KEY,
  inode INTEGER NOT NULL,
  idx INTEGER NOT NULL,          -- position in the file, from 0
  generation_stamp INTEGER NOT NULL,
  length INTEGER NOT NULL,
  state INTEGER NOT NULL,        -- BlockState
  replication INTEGER NOT NULL,  -- that of its file
  expected TEXT,                 -- until COMPLETE: JSON array of [datanode uuid, storage uuid], the pipeline's replicas
  recovery_id INTEGER,           -- while UNDER_RECOVERY: the generation stamp that it shall have afterwards
  truncating INTEGER NOT NULL DEFAULT 0 -- 1 while UNDER_RECOVERY to be cut to just its length
) STRICT;
CREATE UNIQUE INDEX blocks_by_inode ON blocks (inode, idx);

${XATTRS_TABLE}
CREATE TABLE retry_cache (
  client_id TEXT NOT NULL,       -- base64
  call_id INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  answer TEXT NOT NULL,          -- JSON
  PRIMARY KEY (client_id, call_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX retry_cache_by_expiry ON retry_cache (expires_ms);
${DATANODE_ADMIN_TABLE}${QUOTA_TABLES}
-- ---- Derived -----------------------------------------------------------------------------------------------------
CREATE TABLE datanodes (
  uuid TEXT PRIMARY KEY,
  host TEXT NOT NULL,
  data_port INTEGER NOT NULL,
  rpc_port INTEGER NOT NULL,
  http_port INTEGER NOT NULL,
  rack TEXT NOT NULL,
  dead INTEGER NOT NULL          -- 1: declared dead and not registered since; a start does not wait for it
) STRICT, WITHOUT ROWID;

CREATE TABLE storages (
  id INTEGER PRIMARY KEY,
  uuid TEXT NOT NULL UNIQUE,
  datanode TEXT NOT NULL,        -- datanodes.uuid
  replicas INTEGER NOT NULL,     -- number and digest of the rows in replicas that belong to it, kept with every change
  digest BLOB NOT NULL           -- 8 bytes, common/replica-digest.ts
) STRICT;

CREATE TABLE replicas (
  block INTEGER NOT NULL,        -- blocks.id; the row may be gone (state INVALIDATE then)
  storage INTEGER NOT NULL,      -- storages.id
  generation_stamp INTEGER NOT NULL,
  length INTEGER NOT NULL,
  state INTEGER NOT NULL,        -- ReplicaRowState
  PRIMARY KEY (block, storage)
) STRICT, WITHOUT ROWID;
CREATE INDEX replicas_by_storage ON replicas (storage, block);
CREATE INDEX replicas_to_delete ON replicas (storage, block) WHERE state >= 3;
CREATE INDEX replicas_corrupt ON replicas (block) WHERE state = 2;

-- Blocks whose number or spread of replicas may be wrong: the replication monitor takes them from here, looks, and removes them.
CREATE TABLE redundancy_check (block INTEGER PRIMARY KEY) STRICT;

-- Blocks that need work, most urgent first (0 is the most urgent; the levels are in namenode/low-redundancy.ts).
CREATE TABLE low_redundancy (
  block INTEGER PRIMARY KEY,
  priority INTEGER NOT NULL
) STRICT;
CREATE INDEX low_redundancy_by_priority ON low_redundancy (priority, block);
${TALLIES}`;
