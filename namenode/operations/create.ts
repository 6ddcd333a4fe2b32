import { DfsError } from '../../common/errors.js';
import { fileNotFound, type ResolvedPath, resolve } from '../inode-tree.js';
import { type Call, change, type Namesystem, type NamesystemSettings } from '../namesystem.js';
import type { DfsPath } from '../paths.js';
import { Access, type Caller, requireAccess } from '../permissions.js';
import { hasRoomForFirstBlock } from '../quotas.js';
import { blockRow } from '../storage/block-rows.js';
import type { StoredAnswer } from '../storage/edit-records.js';
import { inodeById } from '../storage/inode-rows.js';
import type { InodeRow } from '../storage/rows.js';
import { BlockState, InodeType } from '../storage/schema.js';
import { located, placeFirstBlock } from './add-block.js';
import { checkReplication } from './attributes.js';
import { alreadyBeingCreated, recoverForTakeover } from './lease-recovery.js';
import type { LocatedBlock } from './located-blocks.js';
import { checkNewInodes, newDirectories, newOwner, type Ownership } from './new-inodes.js';

/** What a call with a block is answered with, as it is remembered; one without: the file's id alone. */
type FileAndBlock = { readonly file: number; readonly block: number };

/** A block of this size or more is a mistake in units. */
const BLOCK_SIZE_BYTES_MAX = 2 ** 40;

export interface CreateRequest extends Ownership {
  readonly path: DfsPath;
  readonly clientName: string;
  readonly mode: number;
  readonly overwrite: boolean;
  readonly createParent: boolean;
  readonly replication: number;
  readonly blockSizeBytes: number;
  /** The first block is to be allocated, too, for a writer on this host. */
  readonly firstBlock?: { readonly writerHost: string } | undefined;
}

/**
 * Makes an empty file that `clientName` has open for writing; answers with it, and with its first block, unless that was not asked for, there is no
 * DataNode for it, or a quota leaves no room for it: {@link addBlock} says why.
 * @throws DfsError `FileAlreadyExists`, `AlreadyBeingCreated`, `FileNotFound`, `ParentNotDirectory`, `AccessControl`,
 *   `InvalidArgument` (replication, block size), and those of new-inodes.ts; `RetryLater` as {@link addBlock}.
 */
export async function create(
  ns: Namesystem,
  call: Call,
  request: CreateRequest,
): Promise<{ inode: InodeRow; firstBlock: LocatedBlock | undefined }> {
  const { path, clientName, mode, overwrite, createParent, replication, blockSizeBytes, firstBlock } = request;
  checkReplication(path.text, replication, ns.settings);
  checkBlockSize(blockSizeBytes, ns.settings);
  if (!overwrite) await recoverForTakeover(ns, call, path, clientName, 'CREATE_FILE');
  const answer = await change<StoredAnswer>(ns, call, `create file ${path.text}`, (tx) => {
    const resolved = resolve(tx.db, call, path);
    const replaces = checkExisting(call, resolved, request);
    const ancestor = checkNewInodes(tx, call, resolved, createParent, ns.settings);
    const depth = resolved.path.components.length;
    const directories = newDirectories(tx, call, resolved, ancestor, { end: depth - 1, mode: directoryMode(mode) });
    const fileId = tx.counters.nextInodeId + directories.length;
    const record = {
      op: 'create' as const,
      directories,
      ...(replaces === undefined ? {} : { replaces }),
      id: fileId,
      parent: directories.at(-1)?.id ?? ancestor.directory.id,
      name: resolved.path.components[depth - 1] as string,
      mode,
      ...newOwner(call, request, ancestor.directory),
      replication,
      blockSize: blockSizeBytes,
      leaseHolder: clientName,
    };
    const following =
      firstBlock === undefined || !hasRoomForFirstBlock(tx, record)
        ? undefined
        : placeFirstBlock(ns, tx, fileId, { path, replication, blockSizeBytes, ...firstBlock });
    return { answer: following === undefined ? fileId : { file: fileId, block: following.id }, record, following };
  });
  ns.leases.opened(clientName, ns.clock.monotonicMs());
  if (overwrite) ns.onDeleted();
  const { file, block } = typeof answer === 'number' ? { file: answer, block: undefined } : (answer as FileAndBlock);
  const inode = inodeById(ns.journal.committed, file);
  if (inode === undefined) throw fileNotFound(path.text);
  return { inode, firstBlock: block === undefined ? undefined : unwritten(ns, block, path) };
}

/** Undefined when it was taken back meanwhile: the answer is that of an earlier attempt. */
function unwritten(ns: Namesystem, id: number, path: DfsPath): LocatedBlock | undefined {
  const row = blockRow(ns.journal.committed, id);
  return row?.state === BlockState.UNDER_CONSTRUCTION ? located(ns, row, path) : undefined;
}

/** The file that the new one replaces, if there is one and it may be replaced. */
function checkExisting(caller: Caller, { inode, path }: ResolvedPath, request: CreateRequest): number | undefined {
  if (inode === undefined) return undefined;
  if (inode.type === InodeType.DIRECTORY) {
    throw new DfsError('FileAlreadyExists', `${path.text} already exists as a directory`);
  }
  if (!request.overwrite) {
    if (inode.lease_holder !== null)
      throw alreadyBeingCreated('CREATE_FILE', path.text, inode.lease_holder, request.clientName);
    throw new DfsError('FileAlreadyExists', `${path.text} for client ${request.clientName} already exists`);
  }
  requireAccess(caller, inode, Access.WRITE, () => path.text);
  return inode.id;
}

function checkBlockSize(bytes: number, settings: NamesystemSettings): void {
  if (bytes < settings.minBlockSizeBytes) {
    throw new DfsError(
      'InvalidArgument',
      'Specified block size is less than configured minimum value (dfs.namenode.fs-limits.min-block-size): ' +
        `${bytes} < ${settings.minBlockSizeBytes}`,
    );
  }
  if (bytes > BLOCK_SIZE_BYTES_MAX) {
    throw new DfsError('InvalidArgument', `Specified block size is too large: ${bytes} > ${BLOCK_SIZE_BYTES_MAX}`);
  }
}

/** A directory that is made for a file may be searched by those who may read the file. */
function directoryMode(fileMode: number): number {
  return fileMode | ((fileMode & 0o444) >> 2);
}
