import test from 'ava';
import { systemClock } from '../../../common/clock.js';
import type { CallContext } from '../../../common/rpc/service.js';
import { blockStreamHandlers } from '../../../datanode/rpc/block-stream.js';
import type { ReplicaLocation__Output } from '../../../proto/generated/minihdfs/ReplicaLocation.js';
import type { WriteBlockRequest__Output } from '../../../proto/generated/minihdfs/WriteBlockRequest.js';
import { osError } from '../../support/faulty-disk.js';
import { CLUSTER, eventually, startNodes, type TestNode } from '../support/pipeline-fixture.js';
import { CHECKSUM, contentOf, readAll, sameBytes } from '../support/store-fixture.js';

const BLOCK = { blockId: 7, generationStamp: 1001, numBytes: 0 };
const TIMEOUTS = { readTimeoutMs: 5000, writeTimeoutMs: 5000, keepAliveMs: 5000 };

function handlersOf({ store, xceiver, node }: TestNode) {
  return blockStreamHandlers({
    store,
    xceiver,
    clock: systemClock,
    timeouts: TIMEOUTS,
    datanodeUuid: node.uuid,
    clusterId: () => CLUSTER,
    checksum: CHECKSUM,
    packetBytes: 4096,
  });
}

function context(signal = new AbortController().signal): CallContext {
  return { peerHost: '127.0.0.1', signal };
}

function locations(nodes: readonly TestNode[]): ReplicaLocation__Output[] {
  return nodes.map(({ node }) => ({ datanode: node, rack: node.rack, storageId: '' }));
}

function headerFor(nodes: readonly TestNode[]): WriteBlockRequest__Output {
  return { part: 'header', header: { block: BLOCK, clientName: 'client', targets: locations(nodes) } };
}

async function* messages(
  header: WriteBlockRequest__Output,
  pieces: Iterable<Buffer>,
): AsyncGenerator<WriteBlockRequest__Output> {
  yield header;
  for (const data of pieces) yield { part: 'data', data };
}

/** Pieces of odd sizes. */
function* cut(content: Buffer): Generator<Buffer> {
  for (let at = 0, size = 1; at < content.length; at += size, size = (size * 7 + 3) % 5000)
    yield content.subarray(at, at + size);
}

async function read(node: TestNode, offset: number, length: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const answers = handlersOf(node).ReadBlock({ block: BLOCK, clientName: 'reader', offset, length }, context());
  for await (const { data } of answers) pieces.push(data as Buffer);
  return Buffer.concat(pieces);
}

for (const length of [0, 1, 4096, 50_001]) {
  test(`a block of ${length} bytes that comes over gRPC is written to the whole pipeline, and read back`, async (t) => {
    const { nodes } = await startNodes(t, 3);
    const content = contentOf(7, length);
    const handlers = handlersOf(nodes[0] as TestNode);
    const answer = await handlers.WriteBlock(messages(headerFor(nodes), cut(content)), context());
    t.deepEqual(answer.block, { ...BLOCK, numBytes: length });
    for (const node of nodes) {
      t.is(sameBytes(await readAll(await node.store.openForRead(BLOCK)), content), 'same');
      t.is(sameBytes(await read(node, 0, 0), content), 'same');
    }
  });
}

test('any range can be read', async (t) => {
  const { nodes } = await startNodes(t, 1);
  const [node] = nodes as [TestNode];
  const content = contentOf(7, 5000);
  await handlersOf(node).WriteBlock(messages(headerFor(nodes), [content]), context());
  t.is(sameBytes(await read(node, 1000, 30), content.subarray(1000, 1030)), 'same');
  t.is(sameBytes(await read(node, 1023, 2050), content.subarray(1023, 3073)), 'same');
  t.is(sameBytes(await read(node, 4990, 0), content.subarray(4990)), 'same');
  t.deepEqual(await read(node, 5000, 0), Buffer.alloc(0));
  await t.throwsAsync(read(node, 4000, 1001), { name: 'InvalidArgument' });
  await t.throwsAsync(read(node, 5001, 0), { name: 'InvalidArgument' });
});

test('rotten bytes are not sent but reported', async (t) => {
  const { nodes } = await startNodes(t, 1);
  const [node] = nodes as [TestNode];
  await handlersOf(node).WriteBlock(messages(headerFor(nodes), [contentOf(7, 5000)]), context());
  const handle = node.image.open('/data/current/finalized/subdir0/subdir0/blk_7', 'write');
  node.image.write(handle, Buffer.from('rotten'), 3000);
  await t.throwsAsync(read(node, 0, 0), {
    name: 'Corrupt',
    message: 'Replica blk_7_1001 has a checksum error at offset 2048',
  });
  t.is(node.events.notes.at(-1), 'corrupt 7_1001 5000');
});

test('a DataNode that fails is named', async (t) => {
  const { nodes } = await startNodes(t, 3);
  const [first, second] = nodes as [TestNode, TestNode];
  await second.server.stop();
  const message = /^DataNode dn2:9866 failed: .*connection refused/;
  const writing = handlersOf(first).WriteBlock(messages(headerFor(nodes), [contentOf(7, 100)]), context());
  await t.throwsAsync(writing, { name: 'PipelineFailed', message });
});

test('a DataNode whose disk fails in the middle is named', async (t) => {
  const { nodes } = await startNodes(t, 3);
  const third = nodes[2] as TestNode;
  let written = 0;
  third.disk.onOperation = (operation) => {
    if (operation.kind === 'write' && written++ > 4) throw osError('ENOSPC', operation);
  };
  const writing = handlersOf(nodes[0] as TestNode).WriteBlock(
    messages(headerFor(nodes), cut(contentOf(7, 200_000))),
    context(),
  );
  await t.throwsAsync(writing, { name: 'PipelineFailed', message: 'DataNode dn3:9866 failed: it answered ERROR' });
});

test('a caller that goes away leaves nothing running', async (t) => {
  const { nodes } = await startNodes(t, 2);
  const [first] = nodes as [TestNode];
  const caller = new AbortController();
  async function* endless(): AsyncGenerator<WriteBlockRequest__Output> {
    yield headerFor(nodes);
    yield { part: 'data', data: contentOf(7, 10_000) };
    await eventually('something is written', () => (first.store.catalog.get(7)?.numBytes ?? 0) > 0);
    caller.abort();
    throw new Error('the caller has gone');
  }
  await t.throwsAsync(handlersOf(first).WriteBlock(endless(), context(caller.signal)), {
    message: 'the caller has gone',
  });
  for (const { store } of nodes)
    await eventually('the writer has let go', () => store.catalog.inPipeline(7)?.writer === undefined);
});

test('a call that is not made as described is told what is wrong', async (t) => {
  const { nodes } = await startNodes(t, 2);
  const [first, second] = nodes as [TestNode, TestNode];
  const { WriteBlock } = handlersOf(first);
  const data: WriteBlockRequest__Output = { part: 'data', data: Buffer.alloc(1) };
  async function* none(): AsyncGenerator<WriteBlockRequest__Output> {}
  const calls: [AsyncIterable<WriteBlockRequest__Output>, RegExp][] = [
    [none(), /first message of WriteBlock must carry the header/],
    [messages(data, []), /first message of WriteBlock must carry the header/],
    [messages(headerFor([second, first]), []), /must be called on the first DataNode/],
    [messages(headerFor([]), []), /must be called on the first DataNode/],
    [
      messages({ part: 'header', header: { block: null, clientName: 'c', targets: locations(nodes) } }, []),
      /needs a block_id/,
    ],
    [
      messages({ part: 'header', header: { block: BLOCK, clientName: '', targets: locations(nodes) } }, []),
      /client_name/,
    ],
    [
      (async function* () {
        yield headerFor(nodes);
        yield headerFor(nodes);
      })(),
      /after the first must carry data/,
    ],
  ];
  for (const [requests, message] of calls) {
    await t.throwsAsync(WriteBlock(requests, context()), { name: 'InvalidArgument', message });
  }
});

test('a replica that is not there is told as such', async (t) => {
  const { nodes } = await startNodes(t, 1);
  await t.throwsAsync(read(nodes[0] as TestNode, 0, 0), {
    name: 'ReplicaNotFound',
    message: 'Replica not found for blk_7_1001',
  });
});

test('no more calls are served than connections are allowed', async (t) => {
  const { nodes } = await startNodes(t, 1, { maxConnections: 0 });
  const writing = handlersOf(nodes[0] as TestNode).WriteBlock(messages(headerFor(nodes), []), context());
  await t.throwsAsync(writing, { name: 'Overloaded' });
});
