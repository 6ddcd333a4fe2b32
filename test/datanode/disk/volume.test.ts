import test from 'ava';
import { Status } from '../../../common/data-transfer.js';
import { osError } from '../../support/faulty-disk.js';
import {
  lastPacket,
  numbered,
  openPipeline,
  startNodes,
  TestConnection,
  type TestNode,
  writeOperation,
  writeThrough,
} from '../support/pipeline-fixture.js';
import { contentOf, readAll, sameBytes } from '../support/store-fixture.js';

const BLOCK = { blockId: 7, generationStamp: 1001, numBytes: 0 };
const CONTENT = contentOf(7, 5000);
const FINALIZED = '/data/current/finalized/subdir0/subdir0';
const RBW = '/data/current/rbw';

/** The next sync of a directory fails. */
function failSyncOf(node: TestNode, directory: string): void {
  node.disk.onOperation = (operation) => {
    if (operation.kind !== 'syncDirectory' || operation.path !== directory) return;
    node.disk.onOperation = () => {};
    throw osError('EIO', operation);
  };
}

async function contentAt({ store }: TestNode, generationStamp: number): Promise<Buffer> {
  return readAll(await store.openForRead({ blockId: 7, generationStamp }));
}

test('a replica whose move to finalized/ is not made durable stays where it was, and is closed at the next attempt', async (t) => {
  const { network, nodes } = await startNodes(t, 1, { syncOnClose: true });
  const [node] = nodes as [TestNode];
  await writeThrough(network, nodes, { ...BLOCK, blockId: 8 }, CONTENT);
  const pipeline = await openPipeline(network, nodes, BLOCK);
  await pipeline.send(numbered(0, CONTENT, 0, 5000));
  t.is(await pipeline.ackNames(), 'SUCCESS');
  failSyncOf(node, FINALIZED);
  await pipeline.send(lastPacket(1, 5000));
  t.is(await pipeline.ackNames(), 'ERROR');
  const recovery = { stage: 'PIPELINE_CLOSE_RECOVERY', minBytesRcvd: 5000, maxBytesRcvd: 5000 } as const;
  const connection = await TestConnection.to(network, node.address);
  const { status } = await connection.ask(writeOperation(BLOCK, [], { ...recovery, latestGenerationStamp: 1002 }));
  t.is(status, Status.SUCCESS);
  t.is(sameBytes(await contentAt(node, 1002), CONTENT), 'same');
});

for (const directory of [RBW, FINALIZED]) {
  test(`a replica that cannot be taken back for append for want of a sync of ${directory} is still whole`, async (t) => {
    const { network, nodes } = await startNodes(t, 1);
    const [node] = nodes as [TestNode];
    await writeThrough(network, nodes, BLOCK, CONTENT);
    failSyncOf(node, directory);
    const append = { stage: 'PIPELINE_SETUP_APPEND', minBytesRcvd: 5000, maxBytesRcvd: 5000 } as const;
    const connection = await TestConnection.to(network, node.address);
    const failed = await connection.ask(writeOperation(BLOCK, [], { ...append, latestGenerationStamp: 1002 }));
    t.is(failed.status, Status.ERROR);
    t.is(node.store.catalog.get(7)?.state, 'FINALIZED');
    t.is(sameBytes(await contentAt(node, 1001), CONTENT), 'same');
    const again = await openPipeline(network, nodes, BLOCK, { ...append, latestGenerationStamp: 1003 });
    await again.send(lastPacket(0, 5000));
    t.is(await again.ackNames(), 'SUCCESS');
    t.is(sameBytes(await contentAt(node, 1003), CONTENT), 'same');
  });
}

test('a close that fails leaves no writer behind that would keep copies away', async (t) => {
  const { network, nodes } = await startNodes(t, 1, { syncOnClose: true });
  const [node] = nodes as [TestNode];
  await writeThrough(network, nodes, { ...BLOCK, blockId: 8 }, CONTENT);
  const pipeline = await openPipeline(network, nodes, BLOCK);
  await pipeline.send(numbered(0, CONTENT, 0, 5000));
  await pipeline.ackNames();
  failSyncOf(node, FINALIZED);
  const recovery = { stage: 'PIPELINE_CLOSE_RECOVERY', minBytesRcvd: 5000, maxBytesRcvd: 5000 } as const;
  const connection = await TestConnection.to(network, node.address);
  const { status } = await connection.ask(writeOperation(BLOCK, [], { ...recovery, latestGenerationStamp: 1002 }));
  t.is(status, Status.ERROR);
  t.is(node.store.catalog.inPipeline(7)?.writer, undefined);
});
