/** The operations on the namespace, one call each; a list asks page after page. */

import type { DirectoryQuota__Output } from '../../proto/generated/minihdfs/DirectoryQuota.js';
import type { FileStatus__Output } from '../../proto/generated/minihdfs/FileStatus.js';
import type {
  BlockLocation,
  ContentSummary,
  DeleteOptions,
  DirectoryOptions,
  DirectoryQuota,
  FileStatus,
  MkdirOptions,
  QuotaChange,
  RenameOptions,
} from '../types.js';
import { toBlockLocation, toFileStatus } from './messages.js';
import type { NamenodeClient } from './namenode-client.js';

/** undefined when there is no such file or directory. */
export async function fileInfo(namenode: NamenodeClient, path: string): Promise<FileStatus | undefined> {
  const { status } = await namenode.call('GetFileInfo', { path });
  return status === null ? undefined : toFileStatus(path, status);
}

/** The entries of a directory, sorted by the bytes of their names; of a file: itself. */
export async function* list(namenode: NamenodeClient, path: string): AsyncGenerator<FileStatus, void, void> {
  const parent = path.endsWith('/') ? path : `${path}/`;
  let startAfter = '';
  for (;;) {
    const page = await namenode.call('GetListing', { path, startAfter });
    if (startAfter === '' && (await isListingOfFile(namenode, path, page.entries))) {
      yield* page.entries.map((entry) => toFileStatus(path, entry));
      return;
    }
    for (const entry of page.entries) yield toFileStatus(parent + entry.name, entry);
    const last = page.entries.at(-1);
    if (!page.hasMore || last === undefined) return;
    startAfter = last.name;
  }
}

/** The listing of a file is the file itself: which looks like that of a directory whose only entry is a file of the same name. */
async function isListingOfFile(
  namenode: NamenodeClient,
  path: string,
  entries: readonly FileStatus__Output[],
): Promise<boolean> {
  const [only, second] = entries;
  if (only === undefined || second !== undefined || only.type === 'DIRECTORY') return false;
  if (only.name !== path.slice(path.lastIndexOf('/') + 1)) return false;
  return (await fileInfo(namenode, path))?.fileId === only.fileId;
}

/** Inode ids. */
export async function* openFilesOf(namenode: NamenodeClient, clientName: string): AsyncGenerator<number, void, void> {
  let previousId = 0;
  do {
    const page = await namenode.call('ListOpenFiles', { clientName, previousId });
    yield* page.fileIds;
    previousId = page.nextPreviousId;
  } while (previousId > 0);
}

export async function mkdir(
  namenode: NamenodeClient,
  path: string,
  mode: number,
  options: MkdirOptions,
): Promise<void> {
  await namenode.call('Mkdirs', {
    path,
    mode,
    modeSet: true,
    createParent: options.parents ?? true,
    exclusive: options.exclusive ?? false,
    owner: options.owner ?? '',
    group: options.group ?? '',
  });
}

export async function rename(
  namenode: NamenodeClient,
  source: string,
  destination: string,
  options: RenameOptions,
): Promise<void> {
  const { overwrite = false, exact = false, keepReplacedAs = '', onDirectory } = options;
  const withDirectories = onDirectory !== undefined;
  const request = { source, destination, overwrite, exact, keepReplacedAs, withDirectories };
  const { directories } = await namenode.call('Rename', request);
  if (withDirectories) for (const directory of directories) tellDirectory(directory, onDirectory);
}

export async function remove(namenode: NamenodeClient, path: string, options: DeleteOptions): Promise<boolean> {
  const { recursive = false, onDirectory } = options;
  const withDirectory = onDirectory !== undefined;
  const { deleted, directory } = await namenode.call('Delete', { path, recursive, withDirectory });
  tellDirectory(directory, onDirectory);
  return deleted;
}

/** Gives a directory that was answered to whoever asked for it, under the path of its inode. */
export function tellDirectory(
  directory: FileStatus__Output | null,
  onDirectory: DirectoryOptions['onDirectory'],
): void {
  if (directory !== null) onDirectory?.(toFileStatus(`/.reserved/.inodes/${directory.fileId}`, directory));
}

export async function contentSummary(namenode: NamenodeClient, path: string): Promise<ContentSummary> {
  const { length, fileCount, directoryCount, spaceConsumed, quota } = await namenode.call('GetContentSummary', {
    path,
  });
  return { length, fileCount, directoryCount, spaceConsumed, quota: quota === null ? undefined : toQuota(quota) };
}

function toQuota({ names, space, namesUsed, spaceUsed }: DirectoryQuota__Output): DirectoryQuota {
  return { names, space, namesUsed, spaceUsed };
}

export async function setQuota(namenode: NamenodeClient, path: string, { names, space }: QuotaChange): Promise<void> {
  await namenode.call('SetQuota', {
    path,
    ...(typeof names === 'number' ? { names } : {}),
    ...(typeof space === 'number' ? { space } : {}),
    clearNames: names === null,
    clearSpace: space === null,
  });
}

/** All blocks that hold a byte of the range; an answer of the NameNode holds a part of them. */
export async function blockLocations(
  namenode: NamenodeClient,
  clientHost: string,
  path: string,
  offset: number,
  length: number,
): Promise<BlockLocation[]> {
  const found: BlockLocation[] = [];
  const end = offset + length;
  for (let next = offset; next < end; ) {
    const answer = await namenode.call('GetBlockLocations', { path, offset: next, length: end - next, clientHost });
    const page = answer.blocks.map(toBlockLocation);
    found.push(...page);
    const last = page.at(-1);
    if (last === undefined || last.offset + last.length <= next) break;
    next = last.offset + last.length;
    if (next >= answer.fileLength) break;
  }
  return found;
}
