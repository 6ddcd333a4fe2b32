import test from 'ava';
import { systemClock } from '../../common/clock.js';
import { seededRandom } from '../../common/random.js';
import { blockReport, REPLICAS_PER_PART } from '../../datanode/block-report.js';
import { ReplicaInPipeline } from '../../datanode/replica-in-pipeline.js';
import { DiskImage } from '../sim/disk-image.js';
import { imageDisk } from './support/image-disk.js';
import { openStore } from './support/store-fixture.js';

async function partsOf(
  count: number,
): Promise<{ expected: number[]; parts: { blockIds: readonly number[]; last: boolean }[] }> {
  const { store } = await openStore(imageDisk(new DiskImage()), { roots: ['/a', '/b'] });
  const [volume, other] = [store.volumes.get(0), store.volumes.get(1)];
  const random = seededRandom(count);
  const ids = new Set<number>();
  while (ids.size < count) ids.add(1 + random.int(2 ** 31));
  for (const blockId of ids) {
    const block = { blockId, generationStamp: 1, numBytes: 1 };
    if (blockId % 50 === 0) store.catalog.foundWaiting(new ReplicaInPipeline(block, 'RWR', 0), volume);
    else store.catalog.foundFinalized(block, volume);
    store.catalog.foundFinalized({ ...block, blockId: blockId + 2 ** 32 }, other);
  }
  const parts = [];
  for await (const part of blockReport(store.catalog, volume, systemClock)) parts.push(part);
  return { expected: [...ids].sort((a, b) => a - b), parts };
}

for (const count of [0, 1, REPLICAS_PER_PART - 1, REPLICAS_PER_PART, 3 * REPLICAS_PER_PART + 17]) {
  test(`a report of ${count} replicas has each one of its volume once, sorted`, async (t) => {
    const { expected, parts } = await partsOf(count);
    t.deepEqual(
      parts.flatMap(({ blockIds }) => blockIds),
      expected,
    );
    t.deepEqual(
      parts.map(({ last }) => last),
      parts.map((_, index) => index === parts.length - 1),
    );
    t.true(parts.every(({ blockIds }) => blockIds.length <= REPLICAS_PER_PART));
  });
}
