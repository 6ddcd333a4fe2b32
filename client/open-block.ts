/**
 * The length of a file's last block while it is written. The NameNode knows the one of the last hsync, or of the first hflush; what was
 * acknowledged since then, the DataNodes know.
 */
import { blockName } from '../common/block.js';
import { cancellation } from '../common/cancellation.js';
import type { Timer } from '../common/clock.js';
import { DfsError, messageOf } from '../common/errors.js';
import type { ClientContext } from './context.js';
import { newAbortController, onAbort } from './on-abort.js';
import { dataAddress } from './rpc/messages.js';
import { askVisibleLength } from './tcp/visible-length.js';
import type { BlockLocation, ReplicaLocation } from './types.js';

/** Once one DataNode has answered, the others have so long. */
const OTHERS_MS = 1_000;

/** What the DataNodes of a pipeline said. */
interface Answers {
  readonly lengths: number[];
  readonly reasons: string[];
}

/**
 * Asks the DataNodes of the pipeline what their readers may see, and takes the least: the first of a pipeline answers for all of them, and
 * only what all have is sure to outlast their recovery. (HDFS takes the first answer.) Never less than the NameNode knows. A block that
 * none of them has is one whose pipeline is being set up, as HDFS thinks, too; one of which nobody was told anything counts
 * as empty when none of them can be asked.
 * @throws DfsError `BlockMissing` when bytes were flushed and nobody can say how many; `Cancelled`.
 */
export async function visibleLengthOf(
  context: ClientContext,
  path: string,
  { block, locations }: BlockLocation,
  signal: AbortSignal,
): Promise<number> {
  const { lengths, reasons } = await askAll(context, { block, locations }, signal);
  if (lengths.length > 0) return Math.max(block.numBytes, Math.min(...lengths));
  if (reasons.length === 0 || block.numBytes === 0) return block.numBytes;
  throw new DfsError(
    'BlockMissing',
    `Cannot obtain block length for ${blockName(block)} of ${path}, which is being written: ${reasons.join('; ')}`,
  );
}

async function askAll(
  context: ClientContext,
  { block, locations }: Pick<BlockLocation, 'block' | 'locations'>,
  signal: AbortSignal,
): Promise<Answers> {
  const answers: Answers = { lengths: [], reasons: [] };
  const enough = newAbortController();
  const ignoreAbort = onAbort(signal, () => enough.abort(signal.reason));
  let timer: Timer | undefined;
  const askOne = async ({ datanode }: ReplicaLocation): Promise<void> => {
    try {
      const length = await askVisibleLength(context, datanode, block, enough.signal);
      if (length === undefined) return;
      answers.lengths.push(length);
      timer ??= context.clock.after(OTHERS_MS, () => enough.abort());
    } catch (error) {
      if (!(error instanceof DfsError)) throw error;
      answers.reasons.push(`${dataAddress(datanode)}: ${messageOf(error)}`);
    }
  };
  try {
    await Promise.all(locations.map(askOne));
  } finally {
    timer?.cancel();
    ignoreAbort();
  }
  if (signal.aborted) throw cancellation(signal, `asking for the length of ${blockName(block)}`);
  return answers;
}
