/** DataNodes that write and read over channels in memory, without a NameNode. */

import type { Block } from '../../../common/block.js';
import { ByteReader } from '../../../common/byte-reader.js';
import type { Channel } from '../../../common/channel.js';
import { type Clock, systemClock } from '../../../common/clock.js';
import type { BlockOpResponse, Operation, PipelineNode, WriteBlockOperation } from '../../../common/data-transfer.js';
import { encodeOperation, readBlockOpResponse, Status, statusName } from '../../../common/data-transfer.js';
import type { Disk } from '../../../common/disk.js';
import {
  DEFAULT_PACKET_LIMITS,
  encodePacket,
  type Packet,
  type PipelineAck,
  readAck,
  readPacket,
} from '../../../common/packet.js';
import { SmallBlockConnections } from '../../../common/small-block-connection.js';
import { DataXceiver } from '../../../datanode/data-xceiver.js';
import { DataServer } from '../../../datanode/tcp/data-server.js';
import { DiskImage } from '../../sim/disk-image.js';
import { FaultyDisk } from '../../support/faulty-disk.js';
import { imageDisk } from './image-disk.js';
import { MemoryNetwork } from './memory-network.js';
import { CHECKSUM, openStore, packetOf, quiet, type StoreFixture, type StoreOptions } from './store-fixture.js';

export const CLUSTER = 'CID-test';
const TIMEOUTS = { readTimeoutMs: 10_000, writeTimeoutMs: 10_000, keepAliveMs: 10_000 };

export interface TestNode extends StoreFixture {
  readonly node: PipelineNode;
  readonly address: string;
  readonly disk: FaultyDisk;
  readonly image: DiskImage;
  readonly xceiver: DataXceiver;
  readonly server: DataServer;
}

export interface TestNodeOptions extends StoreOptions {
  readonly clock?: Clock;
  readonly capacityBytes?: number;
  readonly disk?: Disk;
  readonly maxConnections?: number;
  readonly timeouts?: typeof TIMEOUTS;
}

/** What of a test's context is needed here. */
interface Teardown {
  teardown(action: () => Promise<void>): void;
}

/** `dn1`, `dn2`, … on one network. */
export async function startNode(
  t: Teardown,
  network: MemoryNetwork,
  name: string,
  options: TestNodeOptions = {},
): Promise<TestNode> {
  const { clock = systemClock, maxConnections = 100, timeouts = TIMEOUTS } = options;
  const image = new DiskImage();
  const disk = new FaultyDisk(options.disk ?? imageDisk(image, options.capacityBytes));
  const { store, events } = await openStore(disk, options);
  const smallBlocks = new SmallBlockConnections({
    network,
    clock,
    poolId: () => CLUSTER,
    connectTimeoutMs: timeouts.readTimeoutMs,
    writeTimeoutMs: timeouts.writeTimeoutMs,
    idleMs: timeouts.keepAliveMs,
  });
  const xceiver = new DataXceiver({
    store,
    smallBlocks,
    network,
    clock,
    logger: quiet,
    timeouts,
    writing: { maxPendingBytes: 64 * 1024, syncBehindBytes: 16 * 1024 },
    expectedBlockBytes: 0,
    requireNamenode: () => {},
    slowPacketMs: 300,
    clusterId: () => CLUSTER,
    maxConnections,
  });
  const server = new DataServer({ network, clock, logger: quiet, xceiver, host: name, port: 9866 });
  await server.start();
  t.teardown(async () => {
    smallBlocks.close();
    await server.stop();
  });
  const node = { uuid: `uuid-${name}`, host: name, dataPort: 9866, rpcPort: 9867, httpPort: 9864, rack: '/r1' };
  return { store, events, node, address: `${name}:9866`, disk, image, xceiver, server };
}

export async function startNodes(
  t: Teardown,
  count: number,
  options: TestNodeOptions = {},
): Promise<{ network: MemoryNetwork; nodes: TestNode[] }> {
  const network = new MemoryNetwork(options.clock);
  const nodes: TestNode[] = [];
  for (let i = 1; i <= count; i++) nodes.push(await startNode(t, network, `dn${i}`, options));
  return { network, nodes };
}

/** The client's side of one connection. */
export class TestConnection {
  readonly channel: Channel;
  readonly reader: ByteReader;

  constructor(channel: Channel) {
    this.channel = channel;
    this.reader = new ByteReader(channel);
  }

  static async to(network: MemoryNetwork, address: string): Promise<TestConnection> {
    const [host = '', port] = address.split(':');
    return new TestConnection(await network.connect(host, Number(port)));
  }

  async ask(operation: Operation): Promise<BlockOpResponse> {
    await this.channel.write([encodeOperation(operation)], 10_000);
    return readBlockOpResponse(this.reader, 10_000);
  }

  async send(packet: Packet): Promise<void> {
    await this.channel.write(encodePacket(packet), 10_000);
  }

  async readAck(): Promise<PipelineAck | null> {
    return readAck(this.reader, 10_000);
  }

  /** The statuses of the next ack by name, or `closed`. */
  async ackNames(): Promise<string> {
    try {
      const ack = await this.readAck();
      return ack === null ? 'closed' : ack.reply.map(statusName).join(' ');
    } catch {
      return 'closed';
    }
  }

  /** Packets up to the last one: their data, whether the checksums are right, and where they began. */
  async readPackets(): Promise<Packet[]> {
    const packets: Packet[] = [];
    for (;;) {
      const packet = await readPacket(this.reader, DEFAULT_PACKET_LIMITS, 10_000);
      packets.push(packet);
      if (packet.last) return packets;
    }
  }
}

export function writeOperation(
  block: Block,
  targets: readonly TestNode[],
  change: Partial<WriteBlockOperation> = {},
): WriteBlockOperation {
  return {
    op: 'writeBlock',
    block: { ...block, poolId: CLUSTER },
    clientName: 'client',
    targets: targets.map(({ node }) => node),
    stage: 'PIPELINE_SETUP_CREATE',
    pipelineSize: targets.length + 1,
    minBytesRcvd: 0,
    maxBytesRcvd: 0,
    latestGenerationStamp: block.generationStamp,
    checksum: CHECKSUM,
    storageId: '',
    targetStorageIds: targets.map(() => ''),
    ...change,
  };
}

/** A packet of the block's content with a number. */
export function numbered(seqno: number, content: Buffer, from: number, to: number, sync = false): Packet {
  return { ...packetOf(content, from, to, sync), seqno };
}

/** The empty packet that ends a block of `length` bytes. */
export function lastPacket(seqno: number, length: number): Packet {
  return { offsetInBlock: length, seqno, last: true, sync: false, checksums: Buffer.alloc(0), data: [], dataLength: 0 };
}

/** Sets a pipeline up through `nodes`, which must succeed. */
export async function openPipeline(
  network: MemoryNetwork,
  nodes: readonly TestNode[],
  block: Block,
  change: Partial<WriteBlockOperation> = {},
): Promise<TestConnection> {
  const [first, ...others] = nodes;
  if (first === undefined) throw new Error('no node');
  const connection = await TestConnection.to(network, first.address);
  const response = await connection.ask(writeOperation(block, others, change));
  if (response.status !== Status.SUCCESS) throw new Error(`${statusName(response.status)}: ${response.message}`);
  return connection;
}

/** Writes a whole block in packets of `packetBytes` and waits for every ack. */
export async function writeThrough(
  network: MemoryNetwork,
  nodes: readonly TestNode[],
  block: Block,
  content: Buffer,
  packetBytes = 4096,
): Promise<void> {
  const connection = await openPipeline(network, nodes, block);
  let seqno = 0;
  for (let at = 0; at < content.length; at += packetBytes) {
    await connection.send(numbered(seqno++, content, at, Math.min(content.length, at + packetBytes)));
  }
  await connection.send(lastPacket(seqno++, content.length));
  for (let i = 0; i < seqno; i++) {
    const names = await connection.ackNames();
    if (names !== nodes.map(() => 'SUCCESS').join(' ')) throw new Error(`ack ${i}: ${names}`);
  }
  connection.channel.destroy();
}

/** Looks taken at least, however long each takes on a busy machine, and time waited at least, before `eventually` gives up. */
const LOOKS_MIN = 1000;
const WAIT_MIN_MS = 10_000;

/** Waits until something is so; fails after a while with what it waited for. */
export async function eventually(what: string, isSo: () => boolean): Promise<void> {
  const giveUpMs = Date.now() + WAIT_MIN_MS;
  for (let looks = 0; !isSo(); looks++) {
    if (looks > LOOKS_MIN && Date.now() > giveUpMs) throw new Error(`in vain waited until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
