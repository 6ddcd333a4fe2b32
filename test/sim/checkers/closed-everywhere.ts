/**
 * When a writer has its file closed, all of the last block is on the disks of every DataNode of the pipeline, so that it outlives a power cut of all of
 * them (`dfs.datanode.synconclose`).
 */
import { BlockState } from '../../../namenode/storage/schema.js';
import type { Cluster } from '../cluster.js';
import type { DatanodeMachine } from '../datanode-machine.js';
import { journalledIn, replicasOn } from '../replicas.js';
import type { Checker } from './checker.js';

interface ClosedBlock {
  readonly blockId: number;
  readonly generationStamp: number;
  readonly numBytes: number;
}

const NAME = 'closed everywhere';

export const closedEverywhere: Checker = {
  name: NAME,
  watch(cluster) {
    const { world, namenode, datanodes } = cluster;
    world.tap.onArrival(({ server, method, request }) => {
      if (method !== 'Complete' || server !== namenode.running?.life) return;
      const block = (request as { readonly lastBlock?: ClosedBlock | null }).lastBlock;
      if (block === undefined || block === null) return;
      const hosts = pipelineOf(cluster, block);
      for (const machine of datanodes) {
        if (!hosts.includes(machine.host) || hasDurably(machine, block)) continue;
        const what = `the ${block.numBytes} bytes of block ${block.blockId}_${block.generationStamp} are closed`;
        world.violation(`${what}, and not sure to be on the disks of ${machine.host}, which is in its pipeline`, NAME);
      }
    });
  },
};

/** Hosts that the block is written to; none when it is no longer being written, as the call is a late repeat. */
function pipelineOf({ namenode }: Cluster, { blockId, generationStamp }: ClosedBlock): readonly string[] {
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

function hasDurably(machine: DatanodeMachine, { blockId, generationStamp, numBytes }: ClosedBlock): boolean {
  for (const replica of replicasOn(machine, true, blockId))
    if (replica.generationStamp >= generationStamp && replica.length >= numBytes && replica.isGood) return true;
  return machine.disks.some((disk) =>
    [...disk.durableFiles()]
      .flatMap(journalledIn)
      .some((block) => block.blockId === blockId && block.generationStamp === generationStamp),
  );
}
