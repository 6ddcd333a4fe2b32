/** A NameNode and DataNodes in memory, as a client sees them: enough to write, append to and read files, and to make things fail. */

import type { ReplicaLocation } from '../../../client/index.js';
import { FileSystem } from '../../../client/index.js';
import type { Block } from '../../../common/block.js';
import type { Network } from '../../../common/channel.js';
import type { Clock } from '../../../common/clock.js';
import { systemClock } from '../../../common/clock.js';
import { loadConfiguration } from '../../../common/config/configuration.js';
import { DfsError } from '../../../common/errors.js';
import { channelPair } from '../../../common/memory-channel.js';
import { seededRandom } from '../../../common/random.js';
import type { ClientProtocolClient } from '../../../common/rpc/services.js';
import { FakeDatanode } from './fake-datanode.js';

interface FakeFile {
  readonly path: string;
  readonly fileId: number;
  readonly blockSize: number;
  blocks: { block: Block; nodes: FakeDatanode[] }[];
  complete: boolean;
}

export interface RecordedCall {
  readonly method: string;
  // biome-ignore lint/suspicious/noExplicitAny: each test looks into the requests it knows
  readonly request: any;
}

/** What the NameNode does instead of answering, asked before each call. */
export type Intervention = (method: string, request: RecordedCall['request']) => void | Promise<void>;

export class FakeCluster {
  readonly clock: Clock;
  readonly datanodes: FakeDatanode[];
  readonly calls: RecordedCall[] = [];
  readonly files = new Map<string, FakeFile>();
  /** May throw, to make a call fail before it has done anything. */
  intervene: Intervention = () => {};
  /** How many calls of Complete answer false first. */
  incompleteAnswers = 0;
  /** Files that are asked for with their first block get it. */
  givesFirstBlocks = false;
  /** DataNodes that a new block gets at most. */
  replicationMax = Number.POSITIVE_INFINITY;
  readonly #random = seededRandom(1);
  #lastId = 1000;

  constructor(names: readonly string[], clock: Clock = systemClock) {
    this.clock = clock;
    this.datanodes = names.map((name) => new FakeDatanode(this, name));
  }

  readonly network: Network = {
    connect: async (host, port) => {
      const datanode = this.datanodes.find((node) => node.host === host && node.port === port);
      if (!datanode?.alive)
        throw new DfsError('ConnectionLost', `cannot connect to ${host}:${port}: connection refused`);
      const [near, far] = channelPair({ clock: this.clock, names: ['client', datanode.address] });
      void datanode.serve(far);
      return near;
    },
    listen: () => Promise.reject(new Error('nobody listens here')),
  };

  /** A client of this cluster; `settings` are properties. */
  async connect(settings: Record<string, string> = {}, clientHost = ''): Promise<FileSystem> {
    const overrides = {
      'dfs.bytes-per-checksum': '512',
      'dfs.client-write-packet-size': '4096',
      // These DataNodes know pipelines only.
      'dfs.client.write.small-block.size': '0',
      ...settings,
    };
    return await FileSystem.connect({
      namenode: 'fake:8020',
      user: 'tester',
      clientHost,
      configuration: loadConfiguration({ overrides }),
      clock: this.clock,
      random: this.#random,
      network: this.network,
      rpc: this.#rpc(),
    });
  }

  datanode(index: number): FakeDatanode {
    const found = this.datanodes[index];
    if (found === undefined) throw new Error(`no DataNode ${index}`);
    return found;
  }

  file(path: string): FakeFile {
    const found = this.files.get(path);
    if (found === undefined) throw new DfsError('FileNotFound', `${path}: No such file or directory`);
    return found;
  }

  /** The content of a file according to each DataNode that the NameNode counts on; they must agree in stamp, state and bytes. */
  content(path: string): Buffer {
    return Buffer.concat(
      this.file(path).blocks.map(({ block, nodes }) => {
        const replicas = nodes.filter((node) => node.alive).map((node) => node.replicas.get(block.blockId));
        const [first] = replicas;
        for (const replica of replicas) {
          if (replica?.generationStamp !== block.generationStamp) throw new Error('a replica has another stamp');
          if (!replica.finalized) throw new Error('a replica is not finalized');
          if (!replica.data.equals(first?.data ?? Buffer.alloc(0))) throw new Error('replicas differ');
          if (replica.data.length !== block.numBytes) throw new Error('the NameNode knows another length');
        }
        if (first === undefined) throw new Error('no replica is left');
        return first.data;
      }),
    );
  }

  called(method: string): RecordedCall['request'][] {
    return this.calls.filter((call) => call.method === method).map(({ request }) => request);
  }

  /** Puts a file into the cluster without a client. */
  put(path: string, content: Buffer, blockSize: number): void {
    const file: FakeFile = { path, fileId: ++this.#lastId, blockSize, blocks: [], complete: true };
    for (let at = 0; at < content.length; at += blockSize) {
      const data = content.subarray(at, at + blockSize);
      const block = { blockId: ++this.#lastId, generationStamp: 1, numBytes: data.length };
      for (const node of this.datanodes) {
        node.replicas.set(block.blockId, { generationStamp: 1, data: Buffer.from(data), finalized: true });
      }
      file.blocks.push({ block, nodes: [...this.datanodes] });
    }
    this.files.set(path, file);
  }

  #rpc(): ClientProtocolClient {
    const handlers = this.#handlers();
    return new Proxy({} as ClientProtocolClient, {
      get: (_, method: string) => async (request: RecordedCall['request']) => {
        this.calls.push({ method, request });
        await this.intervene(method, request);
        const handler = handlers[method];
        if (handler === undefined) throw new DfsError('Unsupported', `the fake NameNode does not know ${method}`);
        return handler(request);
      },
    });
  }

  #handlers(): Record<string, (request: RecordedCall['request']) => unknown> {
    return {
      GetServerDefaults: () => ({
        blockSize: 16 * 1024,
        replication: 3,
        bytesPerChecksum: 512,
        writePacketSize: 4096,
        clusterId: 'CID-fake',
        version: 'fake',
        listingLimit: 100,
      }),
      RenewLease: () => ({}),
      ReportBadBlocks: () => ({}),
      Fsync: ({ path, lastBlock }) => {
        this.#requireCurrent(path, lastBlock).block = lastBlock;
        return {};
      },
      Create: ({ path, blockSize, withFirstBlock }) => {
        const size = blockSize || 16 * 1024;
        const file: FakeFile = { path, fileId: ++this.#lastId, blockSize: size, blocks: [], complete: false };
        this.files.set(path, file);
        const first = withFirstBlock && this.givesFirstBlocks ? located(this.#allocate(file, []), 0) : null;
        return { status: statusOf(file), directory: null, firstBlock: first };
      },
      Append: ({ path }) => {
        const file = this.file(path);
        file.complete = false;
        const last = file.blocks.at(-1);
        const hasRoom = last !== undefined && last.block.numBytes < file.blockSize;
        return { status: statusOf(file), lastBlock: hasRoom ? located(last, 0) : null };
      },
      AddBlock: ({ path, previous, excludeDatanodes }) => {
        const file = this.file(path);
        this.#commit(file, previous);
        return { block: located(this.#allocate(file, excludeDatanodes), 0) };
      },
      AbandonBlock: ({ path, block }) => {
        const file = this.file(path);
        file.blocks = file.blocks.filter((placed) => placed.block.blockId !== block.blockId);
        return {};
      },
      GetAdditionalDatanode: ({ path, block, existing, excludeDatanodes }) => {
        this.#requireCurrent(path, block);
        const taken = [...excludeDatanodes, ...existing.map(({ datanode }: ReplicaLocation) => datanode.uuid)];
        const nodes = this.datanodes.filter(({ uuid }) => !taken.includes(uuid)).slice(0, 1);
        return { locations: located({ block, nodes }, 0).locations };
      },
      UpdateBlockForPipeline: () => ({ generationStamp: ++this.#lastId }),
      UpdatePipeline: ({ path, oldBlock, newBlock, locations }) => {
        const last = this.#requireCurrent(path, oldBlock);
        last.block = newBlock;
        last.nodes = this.datanodes.filter(({ uuid }) =>
          locations.some((location: ReplicaLocation) => location.datanode.uuid === uuid),
        );
        return {};
      },
      Complete: ({ path, lastBlock, unusedBlock }) => {
        const file = this.file(path);
        if (unusedBlock) file.blocks = file.blocks.filter(({ block }) => block.blockId !== unusedBlock.blockId);
        if (this.incompleteAnswers-- > 0) return { complete: false };
        this.#commit(file, lastBlock);
        file.complete = true;
        return { complete: true };
      },
      GetBlockLocations: ({ path, offset, length }) => {
        const file = this.file(path);
        let start = 0;
        const blocks = file.blocks.map((placed) => {
          const one = located(placed, start);
          start += placed.block.numBytes;
          return one;
        });
        const wanted = blocks.filter((one) => one.offset < offset + length && one.offset + one.block.numBytes > offset);
        const last = file.complete ? undefined : blocks.at(-1);
        const lastBlock = last === undefined ? null : { ...last, underConstruction: true };
        const answer = { fileId: file.fileId, fileLength: start, underConstruction: !file.complete, lastBlock };
        return { ...answer, blocks: wanted.slice(0, 4) };
      },
    };
  }

  #allocate(file: FakeFile, excludeDatanodes: readonly string[]): FakeFile['blocks'][number] {
    const allowed = this.datanodes.filter(({ uuid }) => !excludeDatanodes.includes(uuid));
    const nodes = allowed.slice(0, this.replicationMax);
    if (allowed.length === 0) throw new DfsError('NoTargets', 'no DataNode can take the block');
    const placed = { block: { blockId: ++this.#lastId, generationStamp: ++this.#lastId, numBytes: 0 }, nodes };
    file.blocks.push(placed);
    return placed;
  }

  #requireCurrent(path: string, { blockId, generationStamp }: Block): FakeFile['blocks'][number] {
    const last = this.file(path).blocks.at(-1);
    if (last?.block.blockId === blockId && last.block.generationStamp === generationStamp) return last;
    throw new DfsError('StaleGenerationStamp', `blk_${blockId}_${generationStamp} is not the last block`);
  }

  #commit(file: FakeFile, previous: Block | null): void {
    const last = file.blocks.at(-1);
    if (last === undefined || previous === null) return;
    this.#requireCurrent(file.path, previous);
    last.block = previous;
  }
}

function located({ block, nodes }: FakeFile['blocks'][number], offset: number) {
  const locations = nodes.map((node) => ({
    datanode: { uuid: node.uuid, host: node.host, dataPort: node.port, rpcPort: 1, httpPort: 1 },
    rack: '/default-rack',
    storageId: `storage-of-${node.host}`,
  }));
  return { block, offset, locations, corrupt: false, underConstruction: false };
}

function statusOf(file: FakeFile) {
  return {
    fileId: file.fileId,
    name: file.path.slice(file.path.lastIndexOf('/') + 1),
    type: 'FILE',
    length: file.blocks.reduce((sum, { block }) => sum + block.numBytes, 0),
    replication: 3,
    blockSize: file.blockSize,
    mode: 0o644,
    owner: 'tester',
    group: 'tester',
    modificationTimeMs: 0,
    accessTimeMs: 0,
    children: 0,
    underConstruction: !file.complete,
    symlink: '',
  };
}

/** Bytes that differ at every offset of a packet, a chunk and a block. */
export function testBytes(length: number, seed = 7): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}
