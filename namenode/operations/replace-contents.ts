import type { Database } from 'better-sqlite3';
import { DfsError } from '../../common/errors.js';
import { parentOf, requireFile } from '../inode-tree.js';
import { type Call, change, type Namesystem } from '../namesystem.js';
import { type DfsPath, prefixOf } from '../paths.js';
import { Access, requireAccess } from '../permissions.js';
import type { BlockRow, InodeRow } from '../storage/rows.js';
import { BlockState } from '../storage/schema.js';
import { statement } from '../storage/statements.js';

/** What a file held when it was looked at. */
export interface ContentsVersion {
  readonly length: number;
  readonly blockIds: readonly number[];
  /** Of the last block; 0 without blocks. Only the last block of a file can change under its id, and gets a new stamp then. */
  readonly lastGenerationStamp: number;
}

export interface ReplaceContentsRequest {
  readonly target: DfsPath;
  readonly expected: ContentsVersion;
  readonly source: DfsPath;
  /** The target's blocks afterwards. */
  readonly blockIds: readonly number[];
}

/**
 * Gives `target` other contents in one step: blocks of its own and of `source`, which is removed. The target keeps its identity and its
 * attributes. HDFS has nothing like it: a changed file there is a new file under the old name.
 * @throws DfsError `FileChanged` when the target is not as expected any more, `FileNotFound`, `IsADirectory`, `AccessControl`,
 *   `AlreadyBeingCreated` (one of them is open), `InvalidArgument` (a block of neither, or given twice), `TooManyBlocks`.
 */
export async function replaceContents(ns: Namesystem, call: Call, request: ReplaceContentsRequest): Promise<void> {
  const { blockIds, expected } = request;
  const { maxBlocksPerFile } = ns.settings;
  if (Math.max(blockIds.length, expected.blockIds.length) > maxBlocksPerFile) {
    throw new DfsError(
      'TooManyBlocks',
      `${request.target.text} would have ${blockIds.length} blocks; dfs.namenode.fs-limits.max-blocks-per-file is ${maxBlocksPerFile}`,
    );
  }
  await change(ns, call, `replace the contents of ${request.target.text}`, (tx) => {
    const target = requireClosed(tx.db, call, request.target, Access.WRITE);
    const source = requireClosed(tx.db, call, request.source, Access.READ);
    if (target.inode.id === source.inode.id) throw invalid('target and source are the same file');
    requireVersion(target, expected);
    const available = new Set([...target.blocks, ...source.blocks].map(({ id }) => id));
    for (const id of blockIds) {
      if (!available.delete(id)) throw invalid(`block ${id} belongs to neither of the files, or is given twice`);
    }
    const record = {
      op: 'replaceContents',
      target: target.inode.id,
      source: source.inode.id,
      blocks: blockIds,
    } as const;
    return { answer: null, record };
  });
  ns.onDeleted();
}

interface ClosedFile {
  readonly path: string;
  readonly inode: InodeRow;
  readonly blocks: readonly BlockRow[];
}

function requireClosed(
  db: Database,
  call: Call,
  given: DfsPath,
  access: typeof Access.READ | typeof Access.WRITE,
): ClosedFile {
  const found = requireFile(db, call, given);
  const { path, inode } = found;
  requireAccess(call, inode, access, () => path.text);
  const parent = parentOf(found);
  if (access === Access.READ && parent !== undefined) {
    requireAccess(call, parent, Access.WRITE, () => prefixOf(path, path.components.length - 1));
  }
  const blocks = statement<BlockRow>(db, 'SELECT * FROM blocks WHERE inode = ? ORDER BY idx').all(inode.id);
  if (inode.lease_holder !== null || blocks.some(({ state }) => state !== BlockState.COMPLETE)) {
    throw new DfsError('AlreadyBeingCreated', `${path.text} is open for writing`);
  }
  return { path: path.text, inode, blocks };
}

function requireVersion({ path, inode, blocks }: ClosedFile, expected: ContentsVersion): void {
  const isSame =
    inode.length === expected.length &&
    blocks.length === expected.blockIds.length &&
    blocks.every(({ id }, i) => id === expected.blockIds[i]) &&
    (blocks.at(-1)?.generation_stamp ?? 0) === expected.lastGenerationStamp;
  if (!isSame) throw new DfsError('FileChanged', `${path} was changed by somebody else in the meantime`);
}

function invalid(what: string): DfsError {
  return new DfsError('InvalidArgument', `replaceContents: ${what}`);
}
