/** `dfs fsck -blockId` and `-list-corruptfileblocks`, in HDFS's words. */
import { blockName } from '../../common/block.js';
import type { FsckFile, FsckReplica, FsckStep } from '../types.js';
import { datanodeAddress } from './datanode-text.js';
import { UsageError } from './errors.js';
import { isLost } from './fsck-damage.js';
import type { Output } from './output.js';

/** The id in `blk_1073741825`, with its generation stamp or without. @throws UsageError. */
export function parseBlockId(text: string): number {
  const [, digits] = /^blk_(\d{1,16})(_\d+)?$/.exec(text) ?? [];
  const id = Number(digits);
  if (digits === undefined || !Number.isSafeInteger(id))
    throw new UsageError(`'${text}' is no block: it must be like blk_1073741825.`);
  return id;
}

const COUNTED: readonly (readonly [what: string, state: string])[] = [
  ['excess', 'EXCESS'],
  ['stale', 'STALE'],
  ['decommissioned', 'DECOMMISSIONED'],
  ['decommissioning', 'DECOMMISSIONING'],
  ['entering maintenance', 'ENTERING_MAINTENANCE'],
  ['in maintenance', 'IN_MAINTENANCE'],
  ['corrupted', 'CORRUPT'],
];

/** `files`: what the check says, one block each. Returns whether all of the blocks exist and can be read. */
export async function writeBlocks(out: Output, ids: readonly number[], files: readonly FsckFile[]): Promise<boolean> {
  let healthy = true;
  for (const id of ids) {
    const file = files.find(({ blocks }) => blocks[0]?.block.blockId === id);
    if (file === undefined) await out.line(`\nBlock blk_${id} does not exist`);
    else await writeBlock(out, file);
    healthy &&= file !== undefined && !file.blocks.some(isLost);
  }
  return healthy;
}

async function writeBlock(out: Output, { path, replication, blocks }: FsckFile): Promise<void> {
  for (const { block, replicas, live, underConstruction } of blocks) {
    const count = (wanted: string): number => replicas.filter(({ state }) => state === wanted).length;
    await out.line(`\nBlock Id: ${blockName(block)}`);
    await out.line(`Block belongs to: ${path}`);
    await out.line(`Length: ${block.numBytes}${underConstruction ? ', being written' : ''}`);
    await out.line(`No. of Expected Replica: ${replication}`);
    await out.line(`No. of live Replica: ${live}`);
    for (const [what, state] of COUNTED) await out.line(`No. of ${what} Replica: ${count(state)}`);
    for (const replica of replicas) await out.line(`Block replica on datanode/rack: ${placeOf(replica)}`);
  }
}

function placeOf({ datanode, rack, state }: FsckReplica): string {
  return `${datanodeAddress(datanode)}${rack} is ${state === 'LIVE' ? 'HEALTHY' : state.replace('_', ' ')}`;
}

/** Writes the blocks that cannot be read; returns whether there are none. */
export async function writeLostBlocks(out: Output, path: string, steps: AsyncIterable<FsckStep>): Promise<boolean> {
  let files = 0;
  for await (const step of steps) {
    if (step.kind !== 'file') continue;
    const lost = step.file.blocks.filter(isLost);
    if (lost.length === 0) continue;
    if (files++ === 0) await out.line(`The list of corrupt blocks under path '${path}' are:`);
    for (const { block } of lost) await out.line(`blk_${block.blockId}\t${step.file.path}`);
  }
  await out.line(`The filesystem under path '${path}' has ${files} CORRUPT files`);
  return files === 0;
}
