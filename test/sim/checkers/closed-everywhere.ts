/**
 * When a writer has its file closed, all of the last block is on the disks of every DataNode of the pipeline, so that it outlives a power cut of all of
 * them (`dfs.datanode.synconclose`).
 */
import type { Block } from '../../../common/block.js';
import { BlockState } from '../../../namenode/storage/schema.js';
import type { Cluster } from '../cluster.js';
import type { DatanodeMachine } from '../datanode-machine.js';
import { journalledIn, replicasOn } from '../replicas.js';
import type { Checker } from './checker.js';

type Stamped = Pick<Block, 'blockId' | 'generationStamp'>;

const NAME = 'closed everywhere';

export const closedEverywhere: Checker = {
  name: NAME,
  watch(cluster) {
    const { world, namenode, datanodes } = cluster;
    /** Blocks that have got a pipeline since they were last closed: an append that writes nothing closes what others have left. */
    const written = new Set<string>();
    world.tap.onAnswer(({ method, answer }) => {
      if (method === 'AddBlock')
        written.add(nameOf((answer as { readonly block?: { readonly block?: Stamped } }).block?.block));
    });
    world.tap.onArrival(({ server, method, request }) => {
      if (method === 'UpdatePipeline') written.add(nameOf((request as { readonly newBlock?: Stamped }).newBlock));
      if (method !== 'Complete' || server !== namenode.running?.life) return;
      const block = (request as { readonly lastBlock?: Block | null }).lastBlock;
      if (block === undefined || block === null || !written.delete(nameOf(block))) return;
      const hosts = pipelineOf(cluster, block);
      for (const machine of datanodes) {
        if (!hosts.includes(machine.host) || hasDurably(machine, block)) continue;
        const what = `the ${block.numBytes} bytes of block ${block.blockId}_${block.generationStamp} are closed`;
        world.violation(`${what}, and not sure to be on the disks of ${machine.host}, which is in its pipeline`, NAME);
      }
    });
  },
};

function nameOf(block: Stamped | null | undefined): string {
  return `${block?.blockId}_${block?.generationStamp}`;
}

/** Hosts that the block is written to; none when it is no longer being written, as the call is a late repeat. */
function pipelineOf({ namenode }: Cluster, { blockId, generationStamp }: Block): readonly string[] {
  const db = namenode.database?.connections.reading;
  const row = db
    ?.prepare<[number, number], { state: number; expected: string | null }>(
      'SELECT state, expected FROM blocks WHERE id = ? AND generation_stamp = ?',
    )
    .get(blockId, generationStamp);
  if (db === undefined || row?.state !== BlockState.UNDER_CONSTRUCTION) return [];
  const host = db.prepare<[string], { host: string }>('SELECT host FROM datanodes WHERE uuid = ?');
  return (JSON.parse(row.expected ?? '[]') as [string, string][]).flatMap(([uuid]) => host.get(uuid)?.host ?? []);
}

/** An append may go on with a replica that has rotten meanwhile: what was written to it is durable then, if not good. */
function hasDurably(machine: DatanodeMachine, { blockId, generationStamp, numBytes }: Block): boolean {
  const isRotten = ![...replicasOn(machine, false, blockId)].some(({ isGood }) => isGood);
  for (const { generationStamp: stamp, length, isGood } of replicasOn(machine, true, blockId))
    if (stamp >= generationStamp && length >= numBytes && (isGood || isRotten)) return true;
  return machine.disks.some((disk) =>
    [...disk.durableFiles()]
      .flatMap(journalledIn)
      .some((block) => block.blockId === blockId && block.generationStamp === generationStamp),
  );
}
