import test from 'ava';
import { systemClock } from '../../common/clock.js';
import type { PipelineNode } from '../../common/data-transfer.js';
import { DfsError } from '../../common/errors.js';
import { seededRandom } from '../../common/random.js';
import type { CallContext, CallOptions } from '../../common/rpc/service.js';
import type { InterDatanodeProtocolClient } from '../../common/rpc/services.js';
import { BlockRecovery, type RecoveryOrder, type RecoveryResult } from '../../datanode/block-recovery.js';
import { ReplicaRecovery } from '../../datanode/replica-recovery.js';
import type { ReplicaStore } from '../../datanode/replica-store.js';
import { interDatanodeHandlers } from '../../datanode/rpc/inter-datanode-protocol.js';
import { DiskImage } from '../sim/disk-image.js';
import { imageDisk } from './support/image-disk.js';
import type { MemoryNetwork } from './support/memory-network.js';
import {
  CLUSTER,
  eventually,
  lastPacket,
  numbered,
  openPipeline,
  startNodes,
  TestConnection,
  type TestNode,
  writeOperation,
} from './support/pipeline-fixture.js';
import {
  contentOf,
  newReplica,
  openStore,
  packetOf,
  packetWriter,
  quiet,
  readAll,
  writeBlock,
} from './support/store-fixture.js';

const BLOCK = { blockId: 7, generationStamp: 1001, numBytes: 0 };
const CONTENT = contentOf(7, 10_000);
const CONTEXT = { peerHost: 'dn', signal: new AbortController().signal } as CallContext;

/** One DataNode's recoveries; `down` cannot be reached. */
class Primary {
  readonly down = new Set<string>();
  readonly results: RecoveryResult[] = [];
  commitErrors: DfsError[] = [];
  readonly recovery: BlockRecovery;

  constructor(nodes: readonly TestNode[], self: TestNode) {
    const replicasOf = new Map(nodes.map(({ node, store }) => [node.host, new ReplicaRecovery(store)]));
    this.recovery = new BlockRecovery({
      datanodeUuid: self.node.uuid,
      clusterId: () => CLUSTER,
      replicas: replicasOf.get(self.node.host) as ReplicaRecovery,
      connectPeer: (host) => ({ client: this.#client(host, replicasOf.get(host) as ReplicaRecovery), close: () => {} }),
      commit: async (result) => {
        const error = this.commitErrors.shift();
        if (error !== undefined) throw error;
        this.results.push(result);
      },
      clock: systemClock,
      random: seededRandom(1),
      logger: quiet,
    });
  }

  /** Runs one attempt to its end; its result, if there is one. */
  async run(order: RecoveryOrder): Promise<RecoveryResult | undefined> {
    const before = this.results.length;
    this.recovery.order(order);
    await eventually('the attempt has ended', () => this.recovery.pendingCount === 0);
    return this.results[before];
  }

  #client(host: string, replicas: ReplicaRecovery): InterDatanodeProtocolClient {
    const handlers = interDatanodeHandlers({ clusterId: () => CLUSTER, replicas });
    const requireUp = (): void => {
      if (this.down.has(host)) throw new DfsError('ConnectionLost', `${host} is down`);
    };
    return {
      async InitReplicaRecovery({ clusterId = '', block, recoveryId }) {
        requireUp();
        const request = { clusterId, block: block as typeof BLOCK, recoveryId: Number(recoveryId) };
        const { replica, state } = await handlers.InitReplicaRecovery(request, CONTEXT);
        return { replica: (replica ?? null) as typeof BLOCK | null, state: (state ?? 'FINALIZED') as 'RBW' };
      },
      async UpdateReplicaUnderRecovery({ clusterId = '', blockId, recoveryId, newLength }) {
        requireUp();
        const request = {
          clusterId,
          blockId: Number(blockId),
          recoveryId: Number(recoveryId),
          newLength: Number(newLength),
        };
        const { storageId = '' } = await handlers.UpdateReplicaUnderRecovery(request, CONTEXT);
        return { storageId };
      },
    };
  }
}

function orderFor(nodes: readonly TestNode[], change: Partial<RecoveryOrder> = {}): RecoveryOrder {
  const locations = nodes.map(({ node }) => ({ node, storageId: 'as-it-was-chosen' }));
  return { block: BLOCK, recoveryId: 2000, locations, givenUp: 0, truncate: false, ...change };
}

async function contentAt({ store }: TestNode, generationStamp: number): Promise<Buffer> {
  return readAll(await store.openForRead({ blockId: 7, generationStamp }));
}

/** A pipeline of which 5,000 bytes are acknowledged, and whose writer holds it. */
async function writing(network: MemoryNetwork, nodes: readonly TestNode[]) {
  const pipeline = await openPipeline(network, nodes, BLOCK);
  await pipeline.send(numbered(0, CONTENT, 0, 5000));
  await pipeline.ackNames();
  return pipeline;
}

test('the replicas of a writer that hangs become equal, finalized, under the new stamp', async (t) => {
  const { network, nodes } = await startNodes(t, 3);
  await writing(network, nodes);
  const result = await new Primary(nodes, nodes[1] as TestNode).run(orderFor(nodes));
  t.is(result?.length, 5000);
  t.is(result?.holders.length, 3);
  for (const node of nodes) {
    t.like(node.store.catalog.get(7), { state: 'FINALIZED', generationStamp: 2000, numBytes: 5000 });
    t.deepEqual(await contentAt(node, 2000), CONTENT.subarray(0, 5000));
    t.is(node.events.notes.at(-1), 'received 7_2000 5000');
    t.is(
      result?.holders.some(({ storageId }) => storageId === node.store.volumes.get(0).storageId),
      true,
    );
  }
});

test('replicas that had come further are cut to what all of them have', async (t) => {
  const { network, nodes } = await startNodes(t, 2);
  const [first, second] = nodes as [TestNode, TestNode];
  await writing(network, nodes);
  // The second one dies; what comes after that is in the first one only, and acknowledged by nobody.
  await second.server.stop();
  await new ReplicaRecovery(second.store).init(BLOCK, 1999);
  const alone = await openPipeline(network, [first], BLOCK, {
    stage: 'PIPELINE_SETUP_STREAMING_RECOVERY',
    minBytesRcvd: 5000,
    maxBytesRcvd: 5000,
    latestGenerationStamp: 1002,
  });
  await alone.send(numbered(1, CONTENT, 4096, 10_000));
  await alone.ackNames();
  const result = await new Primary(nodes, first).run(orderFor(nodes));
  t.is(result?.length, 5000);
  for (const node of nodes) t.deepEqual(await contentAt(node, 2000), CONTENT.subarray(0, 5000));
});

test('the old writer is kept out, the next one is let in', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const [node] = nodes as [TestNode];
  await writing(network, nodes);
  const replicas = new ReplicaRecovery(node.store);
  t.like(await replicas.init(BLOCK, 2000), { state: 'RBW', numBytes: 5000 });
  const rebuild = async (latestGenerationStamp: number) => {
    const connection = await TestConnection.to(network, node.address);
    const change = { minBytesRcvd: 5000, maxBytesRcvd: 5000, latestGenerationStamp };
    return connection.ask(writeOperation(BLOCK, [], { ...change, stage: 'PIPELINE_SETUP_STREAMING_RECOVERY' }));
  };
  t.regex((await rebuild(1999)).message ?? '', /under recovery 2000/);
  await replicas.update(7, 2000, 5000);
  const append = { stage: 'PIPELINE_SETUP_APPEND', minBytesRcvd: 5000, latestGenerationStamp: 2001 } as const;
  const next = await openPipeline(network, nodes, { ...BLOCK, generationStamp: 2000 }, append);
  await next.send(numbered(0, CONTENT, 4096, 10_000));
  await next.send(lastPacket(1, 10_000));
  for (let i = 0; i < 2; i++) t.is(await next.ackNames(), 'SUCCESS');
  t.deepEqual(await contentAt(node, 2001), CONTENT);
});

test('a later recovery takes over, an earlier one is turned away', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const [node] = nodes as [TestNode];
  await writing(network, nodes);
  const replicas = new ReplicaRecovery(node.store);
  await replicas.init(BLOCK, 2000);
  await replicas.init(BLOCK, 2001);
  await t.throwsAsync(replicas.init(BLOCK, 2000), { name: 'RetryLater' });
  await t.throwsAsync(replicas.update(7, 2000, 5000), { name: 'InvalidArgument' });
  await t.throwsAsync(replicas.update(7, 2001, 5001), { name: 'InvalidArgument', message: /has 5000 bytes, not 5001/ });
  const storageId = await replicas.update(7, 2001, 5000);
  t.is(await replicas.update(7, 2001, 5000), storageId, 'a repeat changes nothing');
  await t.throwsAsync(replicas.init(BLOCK, 2000), { name: 'RetryLater' });
  t.is(await replicas.init({ blockId: 8 }, 2001), undefined);
});

test('an attempt that got half way is finished by the next one, with the same result', async (t) => {
  const { network, nodes } = await startNodes(t, 2);
  const [first, second] = nodes as [TestNode, TestNode];
  await writing(network, nodes);
  const replicas = new ReplicaRecovery(first.store);
  await replicas.init(BLOCK, 2000);
  await replicas.update(7, 2000, 5000);
  const result = await new Primary(nodes, second).run(orderFor(nodes, { recoveryId: 2005 }));
  t.is(result?.length, 5000);
  t.is(result?.holders.length, 2);
  for (const node of nodes) t.deepEqual(await contentAt(node, 2005), CONTENT.subarray(0, 5000));
});

test('a DataNode that cannot be reached is left behind under the old stamp', async (t) => {
  const { network, nodes } = await startNodes(t, 3);
  await writing(network, nodes);
  const [first, , third] = nodes as [TestNode, TestNode, TestNode];
  const primary = new Primary(nodes, first);
  primary.down.add(third.node.host);
  const result = await primary.run(orderFor(nodes));
  t.deepEqual(
    result?.holders.map(({ node }) => node.host),
    nodes.slice(0, 2).map(({ node }) => node.host),
  );
  t.like(third.store.catalog.get(7), { state: 'RBW', generationStamp: 1001 });
});

test('the result is told again when the NameNode does not answer, and given up when it refuses', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const [node] = nodes as [TestNode];
  await writing(network, nodes);
  const primary = new Primary(nodes, node);
  primary.commitErrors = [new DfsError('ConnectionLost', 'away'), new DfsError('Timeout', 'away')];
  t.is((await primary.run(orderFor(nodes)))?.length, 5000);
  primary.commitErrors = [new DfsError('InvalidArgument', 'another recovery has begun')];
  t.is(await primary.run(orderFor(nodes, { recoveryId: 2001 })), undefined);
});

test('of a block that nobody has anything of, the NameNode is told that it is gone', async (t) => {
  const { nodes } = await startNodes(t, 2);
  const primary = new Primary(nodes, nodes[0] as TestNode);
  t.like(await primary.run(orderFor(nodes)), { length: 0, holders: [] });
  primary.down.add(nodes[1]?.node.host ?? '');
  t.is(await primary.run(orderFor(nodes)), undefined);
});

test('a replica that was found after a restart is recovered', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  const [node] = nodes as [TestNode];
  await writing(network, nodes);
  await node.server.stop();
  const { store, events } = await openStore(node.disk);
  t.is(store.catalog.get(7)?.state, 'RWR');
  const replicas = new ReplicaRecovery(store);
  t.like(await replicas.init(BLOCK, 2000), { state: 'RWR', numBytes: 5000 });
  await replicas.update(7, 2000, 4500);
  t.is(events.notes.at(-1), 'received 7_2000 4500');
  t.deepEqual(await readAll(await store.openForRead({ blockId: 7, generationStamp: 2000 })), CONTENT.subarray(0, 4500));
});

for (const length of [9000, 8192, 1]) {
  test(`a truncation cuts finalized replicas to ${length} bytes, in place`, async (t) => {
    const { nodes } = await startNodes(t, 2);
    for (const { store } of nodes) await writeBlock(store, { ...BLOCK, numBytes: 10_000 });
    const order = orderFor(nodes, { block: { ...BLOCK, numBytes: length }, truncate: true });
    t.is((await new Primary(nodes, nodes[0] as TestNode).run(order))?.length, length);
    for (const { store, disk } of nodes) {
      t.deepEqual(
        await readAll(await store.openForRead({ blockId: 7, generationStamp: 2000 })),
        CONTENT.subarray(0, length),
      );
      // Data and checksums fit each other: a start finds it as it is.
      t.like((await openStore(disk)).store.catalog.get(7), {
        state: 'FINALIZED',
        generationStamp: 2000,
        numBytes: length,
      });
    }
  });
}

test('damage in the chunk that a truncation cuts is not given a checksum that makes it look good', async (t) => {
  const { nodes } = await startNodes(t, 2);
  for (const { store } of nodes) await writeBlock(store, { ...BLOCK, numBytes: 10_000 });
  const [damaged, good] = nodes as [TestNode, TestNode];
  const path = [...damaged.image.files()].map((file) => file.path).find((name) => name.endsWith('/blk_7'));
  damaged.image.write(damaged.image.open(path ?? '', 'write'), Buffer.from('damage'), 8500);
  const order = orderFor(nodes, { block: { ...BLOCK, numBytes: 9000 }, truncate: true });
  const result = await new Primary(nodes, damaged).run(order);
  t.deepEqual(
    result?.holders.map(({ node }) => node.uuid),
    [order.locations[1]?.node.uuid],
  );
  t.is(damaged.events.notes.at(-1), 'corrupt 7_1001 10000');
  t.deepEqual(
    await readAll(await good.store.openForRead({ blockId: 7, generationStamp: 2000 })),
    CONTENT.subarray(0, 9000),
  );
});

/** A replica of 5,000 bytes, of which the first are acknowledged, and whose writer is gone. */
async function leftByWriter(acknowledgedBytes: number): Promise<{ image: DiskImage; store: ReplicaStore }> {
  const image = new DiskImage();
  const { store } = await openStore(imageDisk(image));
  const writable = await store.createRbw(BLOCK, newReplica());
  const writer = packetWriter(store, writable);
  await writer.write(packetOf(CONTENT, 0, 5000));
  await writer.flush();
  writable.replica.acknowledged(acknowledgedBytes);
  await store.release(writable);
  return { image, store };
}

test('what came damaged and was not acknowledged is no part of the block', async (t) => {
  const { store } = await openStore(imageDisk(new DiskImage()));
  const writable = await store.createRbw(BLOCK, newReplica());
  const writer = packetWriter(store, writable);
  await writer.write(packetOf(CONTENT, 0, 3072));
  writable.replica.acknowledged(2000);
  const packet = packetOf(CONTENT, 3072, 6000);
  const damaged = Buffer.concat(packet.data);
  damaged[1500] = (damaged[1500] ?? 0) ^ 1; // in the chunk from 4096 on
  await writer.write({ ...packet, data: [damaged] });
  await writer.flush();
  await store.release(writable);
  const info = await new ReplicaRecovery(store).init(BLOCK, 2000);
  t.deepEqual(info, { ...BLOCK, numBytes: 4096, state: 'RBW' });
  await new ReplicaRecovery(store).update(BLOCK.blockId, 2000, 4096);
  const replica = await store.openForRead({ ...BLOCK, generationStamp: 2000 });
  t.true((await readAll(replica)).equals(CONTENT.subarray(0, 4096)));
});

test('what a failing disk has left behind the end of a replica is no part of the block', async (t) => {
  const { image, store } = await leftByWriter(0);
  const dataFile = () => [...image.files()].find(({ path }) => path.endsWith('/blk_7'));
  // Data that came without its checksums, and could not be cut off.
  image.write(image.open(dataFile()?.path ?? '', 'write'), CONTENT.subarray(5000, 6000), 5000);
  const recovery = new ReplicaRecovery(store);
  t.is((await recovery.init(BLOCK, 2000))?.numBytes, 5000);
  await recovery.update(BLOCK.blockId, 2000, 5000);
  t.is(dataFile()?.bytes.length, 5000);
  const replica = await store.openForRead({ ...BLOCK, generationStamp: 2000 });
  t.true((await readAll(replica)).equals(CONTENT.subarray(0, 5000)));
});

test('what was acknowledged is not cut off, whatever has become of it', async (t) => {
  const { image, store } = await leftByWriter(4500);
  const data = [...image.files()].find(({ path }) => path.endsWith('/blk_7'));
  if (data === undefined) throw new Error('there is no data file');
  image.write(image.open(data.path, 'write'), Buffer.from([(CONTENT[100] ?? 0) ^ 1]), 100);
  const info = await new ReplicaRecovery(store).init(BLOCK, 2000);
  t.true((info?.numBytes ?? 0) >= 4500);
});

test('recoveries of several blocks at a time are no reason for a warning', async (t) => {
  const peer = (uuid: string): PipelineNode => ({ uuid, host: uuid, dataPort: 1, rpcPort: 2, httpPort: 3, rack: '/r' });
  const warnings: Error[] = [];
  const onWarning = (warning: Error): number => warnings.push(warning);
  process.on('warning', onWarning);
  t.teardown(() => process.off('warning', onWarning));
  let calls = 0;
  const untilStopped = (_: unknown, options: CallOptions = {}): Promise<never> =>
    new Promise((_resolve, reject) => {
      calls++;
      options.signal?.addEventListener('abort', () => reject(new DfsError('Cancelled', 'stopped')));
    });
  const recovery = new BlockRecovery({
    datanodeUuid: 'self',
    clusterId: () => CLUSTER,
    replicas: new ReplicaRecovery((await openStore(imageDisk(new DiskImage()))).store),
    connectPeer: () => ({
      client: { InitReplicaRecovery: untilStopped, UpdateReplicaUnderRecovery: untilStopped },
      close: () => {},
    }),
    commit: async () => {},
    clock: systemClock,
    random: seededRandom(1),
    logger: quiet,
  });
  const locations = ['a', 'b', 'c'].map((uuid) => ({ node: peer(uuid), storageId: '' }));
  for (const blockId of [1, 2, 3, 4])
    recovery.order({ block: { ...BLOCK, blockId }, recoveryId: 2000, locations, givenUp: 0, truncate: false });
  await eventually('all DataNodes are asked', () => calls === 12);
  await recovery.stop();
  await new Promise((resolve) => setImmediate(resolve)); // a warning is told of later
  t.deepEqual(warnings, []);
});
