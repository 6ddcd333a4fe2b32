import type { Block } from '../../common/block.js';
import { DfsError } from '../../common/errors.js';
import type { Transaction } from '../journal.js';
import { type Call, change, type Decision, type Namesystem } from '../namesystem.js';
import { lastBlocks } from '../storage/block-rows.js';
import type { BlockRow, InodeRow } from '../storage/rows.js';
import { BlockState } from '../storage/schema.js';
import { commitment } from './add-block.js';
import { targetsOf } from './located-blocks.js';
import { findFile, requireEmptyBlock, requireLastBlock, requireOpen, type WriterRequest } from './open-file.js';

export interface CompleteRequest extends WriterRequest {
  /** With its final length; undefined for an empty file. */
  readonly lastBlock: Block | undefined;
  /** The first block, to which nothing was written: it is given back. */
  readonly unusedBlock?: Block | undefined;
}

/**
 * Commits the last block and closes the file. False while a block lacks its minimum of replicas: the writer asks again. Where only the reports of
 * the last block are missing, they are waited for first, for a moment, as long as `caller` does not go.
 * @throws DfsError `LeaseExpired`, `FileNotFound`, `InvalidArgument`, `StaleGenerationStamp`.
 */
export async function complete(
  ns: Namesystem,
  call: Call,
  request: CompleteRequest,
  caller?: { readonly signal: AbortSignal },
): Promise<boolean> {
  const { lastBlock } = request;
  const isClosed = await attempt(ns, call, request, true);
  if (isClosed !== UNREPORTED || lastBlock === undefined) return isClosed === true;
  await ns.blocks.untilLive(lastBlock, ns.settings.minReplication, caller?.signal);
  return (await attempt(ns, call, request, false)) === true;
}

/** Nothing was changed; `mayWait`: the caller may wait for the reports that are missing. */
const UNREPORTED = 'unreported';
type Outcome = boolean | typeof UNREPORTED;

async function attempt(ns: Namesystem, call: Call, request: CompleteRequest, mayWait: boolean): Promise<Outcome> {
  let unwritten: BlockRow | undefined;
  const outcome = await change<Outcome>(ns, call, `complete file ${request.path.text}`, (tx) => {
    const found = findFile(tx.db, call, request);
    const [last, penultimate] = lastBlocks(tx.db, found?.id ?? 0);
    if (isClosedAs(found, request, last)) return { answer: true };
    const inode = requireOpen(found, request);
    unwritten = requireUnwritten(request, last);
    if (unwritten !== undefined) return closeWithout(inode, unwritten, penultimate);
    return decide(ns, tx, inode, request, last, penultimate, mayWait);
  });
  if (outcome === true && unwritten !== undefined) ns.blocks.notWritten(targetsOf(unwritten));
  return outcome;
}

/** The block that the writer gives back, as far as it is there. @throws DfsError `InvalidArgument`, `StaleGenerationStamp`. */
function requireUnwritten({ unusedBlock, path }: CompleteRequest, last: BlockRow | undefined): BlockRow | undefined {
  if (unusedBlock === undefined || last === undefined) return undefined;
  return requireEmptyBlock(requireLastBlock(last, unusedBlock, path));
}

function closeWithout(inode: InodeRow, unwritten: BlockRow, penultimate: BlockRow | undefined): Decision<Outcome> {
  if (isUnfinished(penultimate)) return { answer: false };
  return { answer: true, record: { op: 'close', inode: inode.id, removed: unwritten.id } };
}

function isUnfinished(block: BlockRow | undefined): boolean {
  return block !== undefined && block.state !== BlockState.COMPLETE;
}

function decide(
  ns: Namesystem,
  tx: Transaction,
  inode: InodeRow,
  { lastBlock, path }: CompleteRequest,
  last: BlockRow | undefined,
  penultimate: BlockRow | undefined,
  mayWait: boolean,
): Decision<Outcome> {
  const waits = isUnfinished(penultimate);
  if (last === undefined || last.state === BlockState.COMPLETE) {
    requireSameEnd(path.text, last, lastBlock);
    return waits ? { answer: false } : { answer: true, record: { op: 'close', inode: inode.id } };
  }
  if (lastBlock === undefined) {
    throw new DfsError('InvalidArgument', `${path.text} cannot be closed without the length of its last block`);
  }
  const block = commitment(ns, tx, inode, last, lastBlock, path);
  if (block.complete && !waits) return { answer: true, record: { op: 'close', inode: inode.id, last: block } };
  if (mayWait && !waits) return { answer: UNREPORTED };
  if (last.state === BlockState.COMMITTED && !block.complete) return { answer: false };
  return { answer: false, record: { op: 'commitBlock', inode: inode.id, block } };
}

/** A writer need not name a last block that is complete, but it must not take it for another one. */
function requireSameEnd(path: string, last: BlockRow | undefined, named: Block | undefined): void {
  if (named === undefined || (last?.id === named.blockId && last.length === named.numBytes)) return;
  throw new DfsError('InvalidArgument', `${path} does not end with block ${named.blockId} of ${named.numBytes} bytes`);
}

/** The file was closed with just this end: the writer did not get the answer. */
function isClosedAs(inode: InodeRow | undefined, request: CompleteRequest, last: BlockRow | undefined): boolean {
  if (inode === undefined || inode.lease_holder !== null) return false;
  return last?.id === request.lastBlock?.blockId && last?.length === request.lastBlock?.numBytes;
}
