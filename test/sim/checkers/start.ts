/** A start of a DataNode loses nothing: each good finalized replica that its disks had before is there afterwards, or a newer one of the block. */
import type { Block } from '../../../common/block.js';
import type { DatanodeMachine } from '../datanode-machine.js';
import { journalledIn, replicasOn } from '../replicas.js';
import type { Checker } from './checker.js';

const NAME = 'start of a DataNode';

export const start: Checker = {
  name: NAME,
  watch({ world, datanodes }) {
    for (const machine of datanodes) {
      let before: readonly Pick<Block, 'blockId' | 'generationStamp'>[] = [];
      machine.onLoad = () => {
        before = [...finalizedOn(machine), ...machine.disks.flatMap((disk) => [...disk.files()].flatMap(journalledIn))];
      };
      machine.onLoaded = () => {
        const isSound = machine.disks.every(
          ({ condition }) => condition.readErrorRate + condition.writeErrorRate + condition.syncErrorRate === 0,
        );
        if (!isSound || machine.datanode?.status().failedVolumes !== 0) return;
        const newest = new Map<number, number>();
        for (const { blockId, generationStamp } of replicasOn(machine, false))
          newest.set(blockId, Math.max(generationStamp, newest.get(blockId) ?? 0));
        for (const { blockId, generationStamp } of before) {
          if ((newest.get(blockId) ?? 0) >= generationStamp) continue;
          world.violation(
            `${machine.host} has lost its replica of block ${blockId}_${generationStamp} with a start`,
            NAME,
          );
        }
      };
    }
  },
};

function* finalizedOn(machine: DatanodeMachine): Generator<Pick<Block, 'blockId' | 'generationStamp'>> {
  for (const replica of replicasOn(machine, false))
    if (replica.directory === 'finalized' && replica.isGood) yield replica;
}
