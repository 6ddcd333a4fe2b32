/**
 * Reads a range of one block whatever happens to its replicas: from the nearest one, and from the next one, at the very byte where
 * it stopped, when a DataNode fails or its data does not match its checksums.
 */
import { blockName } from '../common/block.js';
import { cancellation } from '../common/deadline.js';
import type { ErrorName } from '../common/errors.js';
import { DfsError, isDfsError, messageOf } from '../common/errors.js';
import { retryDelayMs } from '../common/retry.js';
import type { ClientContext } from './context.js';
import type { LocatedBlocks } from './located-blocks.js';
import { pause } from './pause.js';
import { dataAddress } from './rpc/messages.js';
import type { SuspectNodes } from './suspect-nodes.js';
import type { ReceivedBytes } from './tcp/block-reader.js';
import { BlockReader } from './tcp/block-reader.js';
import type { BlockLocation, ReplicaLocation } from './types.js';

/** The file that is read, as far as its blocks need to know it. */
export interface ReadSource {
  readonly context: ClientContext;
  readonly path: string;
  readonly blocks: LocatedBlocks;
  /** DataNodes that failed this reader lately. */
  readonly suspects: SuspectNodes;
}

/** Pauses between two rounds over all replicas: a DataNode that restarts is back within seconds. */
const ROUND_PAUSES = { maxAttempts: Number.POSITIVE_INFINITY, baseDelayMs: 1_000, maxDelayMs: 10_000 };

/** How long a read that found a bad replica waits to tell the NameNode. */
const REPORT_TIMEOUT_MS = 5_000;

interface ReplicaFailure {
  readonly location: ReplicaLocation;
  readonly error: unknown;
}

/** The replica to try next: those not tried in this round, in the NameNode's order, suspects last. */
export function chooseReplica(
  locations: readonly ReplicaLocation[],
  failed: ReadonlySet<string>,
  isSuspect: (uuid: string) => boolean,
): ReplicaLocation | undefined {
  const untried = locations.filter(({ datanode }) => !failed.has(datanode.uuid));
  return untried.find(({ datanode }) => !isSuspect(datanode.uuid)) ?? untried[0];
}

/**
 * The bytes of the file from `from` to before `to`, which lie in `located`, as they arrive.
 * @throws DfsError `BlockMissing`, `Corrupt`, naming the block and what each replica's DataNode said; `Cancelled`.
 */
export async function* fetchFromBlock(
  source: ReadSource,
  located: BlockLocation,
  from: number,
  to: number,
  signal: AbortSignal,
): AsyncGenerator<ReceivedBytes, void, void> {
  const { context, suspects } = source;
  let block = located;
  let at = from;
  let round = 1;
  let failures = new Map<string, ReplicaFailure>();
  while (at < to) {
    const location = chooseReplica(block.locations, new Set(failures.keys()), (uuid) => suspects.has(uuid));
    if (location === undefined) {
      if (round >= context.settings.maxBlockAcquireFailures)
        throw unreadable(source, block, at, [...failures.values()]);
      await pause(context.clock, retryDelayMs(ROUND_PAUSES, round, context.random), signal, `reading ${source.path}`);
      round++;
      failures = new Map();
      block = await source.blocks.refresh(at, signal);
      continue;
    }
    let reader: BlockReader | undefined;
    try {
      reader = await openReplica(context, block, location, at, to, signal);
      for (let bytes = await reader.next(); bytes !== null; bytes = await reader.next()) {
        for (const piece of bytes.pieces) at += piece.length;
        round = 1;
        yield bytes;
      }
    } catch (error) {
      if (signal.aborted) throw cancellation(signal, `reading ${source.path}`);
      failures.set(location.datanode.uuid, { location, error });
      suspects.add(location.datanode.uuid);
      if (isDfsError(error, 'Corrupt')) await report(context, block, location, signal);
    } finally {
      reader?.close();
    }
  }
}

async function openReplica(
  context: ClientContext,
  { block, offset }: BlockLocation,
  { datanode }: ReplicaLocation,
  from: number,
  to: number,
  signal: AbortSignal,
): Promise<BlockReader> {
  const range = { poolId: context.poolId, block, offset: from - offset, length: to - from };
  const options = { clientName: context.namenode.clientName, timeoutMs: context.settings.socketTimeoutMs, signal };
  return await BlockReader.open(context.connections, datanode, range, options);
}

/** The read goes on whether or not the NameNode can be told. */
async function report(
  { namenode }: ClientContext,
  { block }: BlockLocation,
  { datanode, storageId }: ReplicaLocation,
  signal: AbortSignal,
): Promise<void> {
  const request = { replicas: [{ block, datanodeUuid: datanode.uuid, storageId }] };
  const limits = { signal, attemptTimeoutMs: REPORT_TIMEOUT_MS, maxTotalMs: REPORT_TIMEOUT_MS };
  await namenode.call('ReportBadBlocks', request, limits).catch(() => {});
}

function unreadable(
  { path }: ReadSource,
  { block }: BlockLocation,
  at: number,
  failures: readonly ReplicaFailure[],
): DfsError {
  const reasons = failures.map(({ location, error }) => `${dataAddress(location.datanode)}: ${messageOf(error)}`);
  const why = reasons.length === 0 ? 'no live DataNode holds it' : reasons.join('; ');
  const isCorrupt = failures.length > 0 && failures.every(({ error }) => isDfsError(error, 'Corrupt'));
  const name: ErrorName = isCorrupt ? 'Corrupt' : 'BlockMissing';
  return new DfsError(name, `Could not obtain block ${blockName(block)} of ${path} at offset ${at}: ${why}`);
}
