import type { Block } from '../../../common/block.js';
import type { Call, Namesystem } from '../../../namenode/namesystem.js';
import { addBlock } from '../../../namenode/operations/add-block.js';
import { complete } from '../../../namenode/operations/complete.js';
import { create } from '../../../namenode/operations/create.js';
import type { WriterRequest } from '../../../namenode/operations/open-file.js';
import { parsePath } from '../../../namenode/paths.js';
import { ROOT } from './namesystem-fixture.js';

export const WRITER = 'writer';

export interface CreateOptions {
  readonly call?: Call;
  readonly clientName?: string;
  readonly overwrite?: boolean;
  readonly mode?: number;
}

/** Creates a file, with missing parents, and leaves it open. */
export async function openFile(ns: Namesystem, path: string, options: CreateOptions = {}): Promise<WriterRequest> {
  const { call = ROOT, clientName = WRITER, overwrite = false, mode = 0o644 } = options;
  const request = { path: parsePath(path), clientName, mode, overwrite, createParent: true };
  const { inode } = await create(ns, call, { ...request, replication: 3, blockSizeBytes: 1000 });
  return { path: parsePath(path), fileId: inode.id, clientName };
}

/** The next block of a file that is open, after `previous`. */
export async function nextBlock(ns: Namesystem, file: WriterRequest, previous?: Block): Promise<Block> {
  const located = await addBlock(ns, ROOT, { ...file, previous, excludeDatanodes: [], writerHost: '' });
  return located.block;
}

/** Creates a file with blocks of these lengths and closes it. */
export async function writeFile(ns: Namesystem, path: string, lengths: readonly number[]): Promise<WriterRequest> {
  const file = await openFile(ns, path);
  let previous: Block | undefined;
  for (const numBytes of lengths) previous = { ...(await nextBlock(ns, file, previous)), numBytes };
  await complete(ns, ROOT, { ...file, lastBlock: previous });
  return file;
}

export const withLength = (block: Block, numBytes: number): Block => ({ ...block, numBytes });
