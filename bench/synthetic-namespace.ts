/**
 * Fills the database of a freshly formatted NameNode with files, far faster than a client could make them: the rows are what the NameNode would
 * have written, but they are written directly. Every file has one block with three replicas on three storages.
 */
import BetterSqlite3, { type Database, type Statement } from 'better-sqlite3';
import { ReplicaDigest } from '../common/replica-digest.js';

export const FILES_PER_DIRECTORY = 1000;
const ROWS_PER_TRANSACTION = 100_000;
const FIRST_INODE = 16_385;
const FIRST_BLOCK = 2 ** 30 + 1;
const STAMP = 1001;
const LENGTH = 2 ** 20;

export interface SyntheticDatanode {
  readonly uuid: string;
  readonly storageUuid: string;
  readonly port: number;
  readonly rack: string;
}

export interface SyntheticNamespace {
  readonly datanodes: readonly SyntheticDatanode[];
  /** Each storage has all of these, with {@link STAMP} and {@link LENGTH}. */
  readonly firstBlock: number;
  readonly blocks: number;
  readonly digest: Buffer;
}

export const BLOCK = { generationStamp: STAMP, length: LENGTH } as const;

/** How many files are where: in directories of 1000 below `/data` and `/tree`, and all in the one directory `/wide`. */
export interface Shape {
  readonly data: number;
  readonly tree: number;
  readonly wide: number;
}

/** @param databasePath `current/namespace.db` of a formatted name directory that no process uses. */
export function fillNamespace(databasePath: string, shape: Shape): SyntheticNamespace {
  const db = new BetterSqlite3(databasePath);
  try {
    db.pragma('synchronous = OFF');
    return new Loader(db).load(shape);
  } finally {
    db.close();
  }
}

class Loader {
  readonly #db: Database;
  readonly #inode: Statement;
  readonly #block: Statement;
  readonly #replica: Statement;
  readonly #digest = new ReplicaDigest();
  #nextInode = FIRST_INODE;
  #nextBlock = FIRST_BLOCK;
  #directories = 1;
  #rows = 0;

  constructor(db: Database) {
    this.#db = db;
    this.#inode = db.prepare(
      `INSERT INTO inodes (id, parent, name, type, mode, owner, grp, mtime_ms, atime_ms, children, replication, block_size, length)
       VALUES (?, ?, ?, ?, ?, 'root', 'supergroup', 1, 1, ?, ?, ?, ?)`,
    );
    this.#block = db.prepare(
      `INSERT INTO blocks (id, inode, idx, generation_stamp, length, state, replication) VALUES (?, ?, 0, ${STAMP}, ${LENGTH}, 4, 3)`,
    );
    this.#replica = db.prepare(
      `INSERT INTO replicas (block, storage, generation_stamp, length, state) VALUES (?, ?, ${STAMP}, ${LENGTH}, 1)`,
    );
  }

  load({ data, tree, wide }: Shape): SyntheticNamespace {
    const datanodes = [1, 2, 3].map((i) => this.#addDatanode(i));
    this.#db.exec('BEGIN');
    for (const [name, files] of [
      ['data', data],
      ['tree', tree],
    ] as const) {
      const directories = Math.ceil(files / FILES_PER_DIRECTORY);
      const top = this.#directory(1, name, directories);
      for (let d = 0; d < directories; d++) {
        const count = Math.min(FILES_PER_DIRECTORY, files - d * FILES_PER_DIRECTORY);
        this.#files(this.#directory(top, `directory-${d}`, count), count);
      }
    }
    this.#files(this.#directory(1, 'wide', wide), wide);
    this.#finish(data + tree + wide);
    this.#db.exec('COMMIT');
    return { datanodes, firstBlock: FIRST_BLOCK, blocks: data + tree + wide, digest: this.#digest.toBytes() };
  }

  #addDatanode(index: number): SyntheticDatanode {
    const uuid = `00000000-0000-4000-8000-00000000000${index}`;
    const storageUuid = `DS-00000000-0000-4000-8000-00000000000${index}`;
    const port = 40_000 + index;
    const rack = `/rack${index % 2}`;
    this.#db
      .prepare("INSERT INTO datanodes VALUES (?, '127.0.0.1', ?, ?, ?, ?, 0)")
      .run(uuid, port, port + 10, port + 20, rack);
    this.#db.prepare('INSERT INTO storages VALUES (?, ?, ?, 0, zeroblob(8))').run(index, storageUuid, uuid);
    return { uuid, storageUuid, port, rack };
  }

  #directory(parent: number, name: string, children: number): number {
    const id = this.#nextInode++;
    this.#inode.run(id, parent, name, 2, 0o755, children, 0, 0, 0);
    this.#directories++;
    return id;
  }

  #files(parent: number, count: number): void {
    for (let i = 0; i < count; i++) {
      const inode = this.#nextInode++;
      const block = this.#nextBlock++;
      this.#inode.run(inode, parent, `file-${String(i).padStart(7, '0')}`, 1, 0o644, 0, 3, 2 ** 27, LENGTH);
      this.#block.run(block, inode);
      for (let storage = 1; storage <= 3; storage++) this.#replica.run(block, storage);
      this.#digest.add({ blockId: block, generationStamp: STAMP, numBytes: LENGTH });
      if (++this.#rows % ROWS_PER_TRANSACTION === 0) this.#db.exec('COMMIT; BEGIN');
    }
  }

  #finish(files: number): void {
    this.#db.prepare('UPDATE inodes SET children = 3 WHERE id = 1').run();
    this.#db.prepare('UPDATE storages SET replicas = ?, digest = ?').run(files, this.#digest.toBytes());
    const counters = {
      next_inode_id: this.#nextInode,
      next_block_id: this.#nextBlock,
      generation_stamp: STAMP,
      files,
      directories: this.#directories,
      blocks: files,
    };
    const set = this.#db.prepare(
      'INSERT INTO meta (key, value) VALUES (?, CAST(? AS INTEGER)) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    );
    for (const [key, value] of Object.entries(counters)) set.run(key, value);
  }
}
