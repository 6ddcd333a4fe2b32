/** A file as its writer asks for it: by id, so that a rename does not disturb the writer, and with the lease. */
import type { Database } from 'better-sqlite3';
import type { Block } from '../../common/block.js';
import { blockName } from '../../common/block.js';
import { DfsError } from '../../common/errors.js';
import { isAttached, resolve } from '../inode-tree.js';
import type { DfsPath } from '../paths.js';
import type { Caller } from '../permissions.js';
import { inodeById } from '../storage/inode-rows.js';
import type { BlockRow, InodeRow } from '../storage/rows.js';
import { BlockState, InodeType } from '../storage/schema.js';

export interface WriterRequest {
  readonly path: DfsPath;
  /** 0: unknown, the path decides. */
  readonly fileId: number;
  readonly clientName: string;
  /** The number of the call with which this writer opened the file; undefined: it does not tell. */
  readonly openedBy?: number | undefined;
}

/**
 * The file that `clientName` has open for writing.
 * @throws DfsError `FileNotFound` when it has been deleted, `LeaseExpired` when somebody else may write to it, or nobody.
 */
export function requireOpenFile(db: Database, caller: Caller, request: WriterRequest): InodeRow {
  return requireOpen(findFile(db, caller, request), request);
}

/** The same, of what {@link findFile} has found. */
export function requireOpen(inode: InodeRow | undefined, request: WriterRequest): InodeRow {
  if (inode === undefined) throw new DfsError('FileNotFound', `File does not exist: ${noOpenFile(request)}`);
  if (inode.lease_holder === null) {
    throw new DfsError('LeaseExpired', `File is not open for writing: ${noOpenFile(request)}`);
  }
  if (inode.lease_holder !== request.clientName) {
    throw new DfsError(
      'LeaseExpired',
      `Client (=${request.clientName}) is not the lease owner (=${inode.lease_holder}: ${request.path.text} (inode ${inode.id})`,
    );
  }
  if (request.openedBy !== undefined && inode.opened_by !== 0 && inode.opened_by !== request.openedBy) {
    // A repeat that comes late, or a writer that has not noticed that another one of its client has the file now.
    const what = `${request.path.text} (inode ${inode.id})`;
    throw new DfsError(
      'LeaseExpired',
      `Client (=${request.clientName}) has opened ${what} anew since; this writer has lost it`,
    );
  }
  return inode;
}

/** The file, open or not; undefined when it does not exist any more. */
export function findFile(db: Database, caller: Caller, { path, fileId }: WriterRequest): InodeRow | undefined {
  const inode = fileId === 0 ? resolve(db, caller, path).inode : attached(db, fileId);
  return inode?.type === InodeType.FILE ? inode : undefined;
}

/**
 * Checks that `block` is the last one of the file, is being written, and that the writer's version of it is ours.
 * @throws DfsError `InvalidArgument`, `StaleGenerationStamp`.
 */
export function requireLastBlock(last: BlockRow | undefined, block: Block, path: DfsPath): BlockRow {
  if (last === undefined || last.id !== block.blockId) {
    throw new DfsError(
      'InvalidArgument',
      `${blockName(block)} is not the last block of ${path.text}, which is ${nameOf(last)}`,
    );
  }
  if (last.state !== BlockState.UNDER_CONSTRUCTION) {
    throw new DfsError('InvalidArgument', `${blockName(block)} of ${path.text} is not being written any more`);
  }
  if (last.generation_stamp !== block.generationStamp) {
    throw new DfsError(
      'StaleGenerationStamp',
      `${blockName(block)} of ${path.text} has another generation stamp than ${nameOf(last)}, which the NameNode knows`,
    );
  }
  return last;
}

/** Checks that nothing of a block was acknowledged, so that it may be given back. @throws DfsError `InvalidArgument`. */
export function requireEmptyBlock(block: BlockRow): BlockRow {
  if (block.length === 0) return block;
  const what = `${nameOf(block)} holds ${block.length} bytes that were acknowledged; it cannot be abandoned`;
  throw new DfsError('InvalidArgument', what);
}

/** Checks the length with which a writer finishes a block. @throws DfsError `InvalidArgument`. */
export function checkFinalLength(inode: InodeRow, known: BlockRow, block: Block): void {
  if (block.numBytes > inode.block_size) {
    throw new DfsError(
      'InvalidArgument',
      `${blockName(block)} has ${block.numBytes} bytes, more than a block of the file (${inode.block_size})`,
    );
  }
  if (block.numBytes < known.length) {
    throw new DfsError(
      'InvalidArgument',
      `${blockName(block)} has ${block.numBytes} bytes, but ${known.length} were acknowledged earlier`,
    );
  }
}

export function nameOf(row: BlockRow | undefined): string {
  return row === undefined ? 'none' : blockName({ blockId: row.id, generationStamp: row.generation_stamp });
}

function attached(db: Database, fileId: number): InodeRow | undefined {
  return isAttached(db, fileId) ? inodeById(db, fileId) : undefined;
}

function noOpenFile({ path, fileId, clientName }: WriterRequest): string {
  return `${path.text} (inode ${fileId}) Holder ${clientName} does not have any open files.`;
}
