/**
 * Operations of the data plane and their answers: what stands on a connection before the packets (packet.ts) and between them.
 * HDFS's DataTransferProtocol, version 28; proto/data-transfer.md tells the whole story.
 */
import type { Block } from './block.js';
import type { ByteReader } from './byte-reader.js';
import type { ChecksumSpec } from './checksum.js';
import { checksumMessage, MessageCodec, readChecksum } from './data-transfer-proto.js';
import { DfsError } from './errors.js';
import type { MessageFields } from './message-fields.js';

export * from './data-transfer-response.js';
export { Status, statusName } from './status.js';

const DATA_TRANSFER_VERSION = 28;

const OpCode = {
  WRITE_BLOCK: 80,
  READ_BLOCK: 81,
  BLOCK_CHECKSUM: 85,
  TRANSFER_BLOCK: 86,
  /** Not HDFS's, whose clients ask by RPC. */
  VISIBLE_LENGTH: 120,
  /** Not HDFS's, whose clients ask by RPC. */
  BLOCK_LOCAL_PATH: 121,
  /** Not HDFS's. */
  WRITE_SMALL_BLOCKS: 122,
} as const;

/** A header with a pipeline of 512 nodes has some 60 KB. */
const MAX_OPERATION_BYTES = 128 * 1024;
const MAX_PORT = 65535;

/** Version and op code. */
const PREFIX_LENGTH = 3;

export interface ExtendedBlock extends Block {
  /** The cluster's id. */
  readonly poolId: string;
}

/** How a DataNode is reached by the one before it in a pipeline. */
export interface PipelineNode {
  readonly uuid: string;
  readonly host: string;
  readonly dataPort: number;
  readonly rpcPort: number;
  readonly httpPort: number;
  readonly rack: string;
}

/** Why a write operation is started. The order gives the numbers in the protocol. */
const STAGES = [
  'PIPELINE_SETUP_APPEND',
  'PIPELINE_SETUP_APPEND_RECOVERY',
  'DATA_STREAMING',
  'PIPELINE_SETUP_STREAMING_RECOVERY',
  'PIPELINE_CLOSE',
  'PIPELINE_CLOSE_RECOVERY',
  'PIPELINE_SETUP_CREATE',
  'TRANSFER_RBW',
  'TRANSFER_FINALIZED',
] as const;

export type BlockConstructionStage = (typeof STAGES)[number];

export interface WriteBlockOperation {
  readonly op: 'writeBlock';
  readonly block: ExtendedBlock;
  /** Empty when a DataNode copies a replica. */
  readonly clientName: string;
  /** The nodes after the one that is addressed, in pipeline order. */
  readonly targets: readonly PipelineNode[];
  readonly stage: BlockConstructionStage;
  /** Nodes of the whole pipeline. */
  readonly pipelineSize: number;
  /** The least of the replicas' lengths that the client has seen acknowledged; for recovery. */
  readonly minBytesRcvd: number;
  /** The most that any of the replicas may have; for recovery. */
  readonly maxBytesRcvd: number;
  /** The new generation stamp when a pipeline is rebuilt; else the block's. */
  readonly latestGenerationStamp: number;
  readonly checksum: ChecksumSpec;
  /** The storage the NameNode chose on the addressed node; '' leaves it to the node. */
  readonly storageId: string;
  /** The same for {@link targets}; may be empty. */
  readonly targetStorageIds: readonly string[];
}

export interface ReadBlockOperation {
  readonly op: 'readBlock';
  readonly block: ExtendedBlock;
  readonly clientName: string;
  /** Where to begin in the block, and how many bytes to send. */
  readonly offset: number;
  readonly length: number;
  readonly sendChecksums: boolean;
}

export interface BlockChecksumOperation {
  readonly op: 'blockChecksum';
  readonly block: ExtendedBlock;
}

/** A client asks for a copy of an unfinished replica, on a DataNode that is to join its pipeline. */
export interface TransferBlockOperation {
  readonly op: 'transferBlock';
  readonly block: ExtendedBlock;
  readonly clientName: string;
  /** Where the copy goes, in pipeline order; at least one. */
  readonly targets: readonly PipelineNode[];
  /** The storages the NameNode chose on {@link targets}; may be empty. */
  readonly targetStorageIds: readonly string[];
}

/** A reader asks how much it may read of a block that is being written. */
export interface VisibleLengthOperation {
  readonly op: 'visibleLength';
  readonly block: ExtendedBlock;
}

/** A reader on the DataNode's machine asks for the files of a finalized replica. */
export interface BlockLocalPathOperation {
  readonly op: 'blockLocalPath';
  readonly block: ExtendedBlock;
}

/** From here on the connection carries whole small blocks, of this cluster (small-block.ts). */
export interface WriteSmallBlocksOperation {
  readonly op: 'writeSmallBlocks';
  readonly poolId: string;
}

export type Operation =
  | WriteBlockOperation
  | ReadBlockOperation
  | BlockChecksumOperation
  | TransferBlockOperation
  | VisibleLengthOperation
  | BlockLocalPathOperation
  | WriteSmallBlocksOperation;

const writeBlockCodec = new MessageCodec('OpWriteBlockProto');
const readBlockCodec = new MessageCodec('OpReadBlockProto');
const blockChecksumCodec = new MessageCodec('OpBlockChecksumProto');
const visibleLengthCodec = new MessageCodec('OpVisibleLengthProto');
const blockLocalPathCodec = new MessageCodec('OpBlockLocalPathProto');
const writeSmallBlocksCodec = new MessageCodec('OpWriteSmallBlocksProto');
const transferBlockCodec = new MessageCodec('OpTransferBlockProto');

/**
 * An operation as it stands on the wire:
 *
 *     +-------------+---------+-----------------+-----------------------------------+
 *     | version     | op code | header's length | header: Op…Proto                  |
 *     | 2 bytes, 28 | 1 byte  | varint          |                                   |
 *     +-------------+---------+-----------------+-----------------------------------+
 */
export function encodeOperation(operation: Operation): Buffer {
  switch (operation.op) {
    case 'writeBlock':
      return framed(OpCode.WRITE_BLOCK, writeBlockCodec, writeBlockMessage(operation));
    case 'readBlock':
      return framed(OpCode.READ_BLOCK, readBlockCodec, {
        header: clientHeader(operation),
        offset: operation.offset,
        len: operation.length,
        sendChecksums: operation.sendChecksums,
      });
    case 'blockChecksum':
      return framed(OpCode.BLOCK_CHECKSUM, blockChecksumCodec, { header: { block: operation.block } });
    case 'visibleLength':
      return framed(OpCode.VISIBLE_LENGTH, visibleLengthCodec, { header: { block: operation.block } });
    case 'blockLocalPath':
      return framed(OpCode.BLOCK_LOCAL_PATH, blockLocalPathCodec, { header: { block: operation.block } });
    case 'transferBlock':
      return framed(OpCode.TRANSFER_BLOCK, transferBlockCodec, {
        header: clientHeader(operation),
        targets: operation.targets.map(nodeMessage),
        targetStorageIds: operation.targetStorageIds,
      });
    case 'writeSmallBlocks':
      return framed(OpCode.WRITE_SMALL_BLOCKS, writeSmallBlocksCodec, { poolId: operation.poolId });
  }
}

function framed(opCode: number, codec: MessageCodec, message: object): Buffer {
  const prefix = Buffer.from([DATA_TRANSFER_VERSION >> 8, DATA_TRANSFER_VERSION & 0xff, opCode]);
  return Buffer.concat([prefix, codec.encodeDelimited(message)]);
}

function writeBlockMessage(operation: WriteBlockOperation): object {
  return {
    header: clientHeader(operation),
    targets: operation.targets.map(nodeMessage),
    stage: STAGES.indexOf(operation.stage),
    pipelineSize: operation.pipelineSize,
    minBytesRcvd: operation.minBytesRcvd,
    maxBytesRcvd: operation.maxBytesRcvd,
    latestGenerationStamp: operation.latestGenerationStamp,
    requestedChecksum: checksumMessage(operation.checksum),
    storageId: operation.storageId,
    targetStorageIds: operation.targetStorageIds,
  };
}

function clientHeader({
  block,
  clientName,
}: WriteBlockOperation | ReadBlockOperation | TransferBlockOperation): object {
  return { baseHeader: { block }, clientName };
}

function nodeMessage(node: PipelineNode): object {
  const id = {
    ipAddr: node.host,
    hostName: node.host,
    datanodeUuid: node.uuid,
    xferPort: node.dataPort,
    infoPort: node.httpPort,
    ipcPort: node.rpcPort,
  };
  return { id, location: node.rack };
}

/**
 * The next operation; null when the other side ended the connection before it. `timeoutMs` limits each wait for more bytes.
 * @throws DfsError `ProtocolViolation` when what comes is no operation, `Unsupported` for a version or an op code that this
 * server does not know, `ConnectionLost`, `Timeout`. The connection is of no use after any of them.
 */
export async function readOperation(reader: ByteReader, timeoutMs: number): Promise<Operation | null> {
  if (!(await reader.fill(PREFIX_LENGTH, timeoutMs))) return null;
  const prefix = reader.takeBuffer(PREFIX_LENGTH);
  const version = prefix.readUInt16BE(0);
  if (version !== DATA_TRANSFER_VERSION) {
    throw new DfsError(
      'Unsupported',
      `${reader.peer} speaks version ${version} of the data transfer protocol, or another protocol; ` +
        `this DataNode speaks version ${DATA_TRANSFER_VERSION}`,
    );
  }
  const opCode = prefix.readUInt8(2);
  switch (opCode) {
    case OpCode.WRITE_BLOCK:
      return toWriteBlock(await readHeader(reader, writeBlockCodec, timeoutMs));
    case OpCode.READ_BLOCK:
      return toReadBlock(await readHeader(reader, readBlockCodec, timeoutMs));
    case OpCode.BLOCK_CHECKSUM:
      return { op: 'blockChecksum', block: toBlock(await readBaseHeader(reader, blockChecksumCodec, timeoutMs)) };
    case OpCode.VISIBLE_LENGTH:
      return { op: 'visibleLength', block: toBlock(await readBaseHeader(reader, visibleLengthCodec, timeoutMs)) };
    case OpCode.BLOCK_LOCAL_PATH:
      return { op: 'blockLocalPath', block: toBlock(await readBaseHeader(reader, blockLocalPathCodec, timeoutMs)) };
    case OpCode.TRANSFER_BLOCK:
      return toTransferBlock(await readHeader(reader, transferBlockCodec, timeoutMs));
    case OpCode.WRITE_SMALL_BLOCKS: {
      const fields = await readHeader(reader, writeSmallBlocksCodec, timeoutMs);
      return { op: 'writeSmallBlocks', poolId: fields.nonEmptyString('poolId') };
    }
    default:
      throw new DfsError(
        'Unsupported',
        `${reader.peer} asked for operation ${opCode}, which this DataNode does not know`,
      );
  }
}

async function readHeader(reader: ByteReader, codec: MessageCodec, timeoutMs: number): Promise<MessageFields> {
  const bytes = await reader.readVarintDelimited(MAX_OPERATION_BYTES, timeoutMs);
  if (bytes === null)
    throw new DfsError('ConnectionLost', `${reader.peer} closed the connection in the middle of a message`);
  return codec.decode(bytes, reader.peer);
}

/** Of an operation that says nothing but which block it is about. */
async function readBaseHeader(reader: ByteReader, codec: MessageCodec, timeoutMs: number): Promise<MessageFields> {
  return (await readHeader(reader, codec, timeoutMs)).message('header');
}

function toWriteBlock(fields: MessageFields): WriteBlockOperation {
  const stage = STAGES[fields.integer('stage')];
  if (stage === undefined) throw fields.refuse('stage', 'is not known');
  return {
    op: 'writeBlock',
    ...toClientHeader(fields.message('header')),
    targets: fields.messages('targets').map(toPipelineNode),
    stage,
    pipelineSize: fields.integer('pipelineSize'),
    minBytesRcvd: fields.integer('minBytesRcvd'),
    maxBytesRcvd: fields.integer('maxBytesRcvd'),
    latestGenerationStamp: fields.integer('latestGenerationStamp'),
    checksum: readChecksum(fields, 'requestedChecksum'),
    storageId: fields.string('storageId'),
    targetStorageIds: fields.strings('targetStorageIds'),
  };
}

function toReadBlock(fields: MessageFields): ReadBlockOperation {
  return {
    op: 'readBlock',
    ...toClientHeader(fields.message('header')),
    offset: fields.integer('offset'),
    length: fields.integer('len'),
    sendChecksums: fields.boolean('sendChecksums'),
  };
}

function toTransferBlock(fields: MessageFields): TransferBlockOperation {
  const targets = fields.messages('targets').map(toPipelineNode);
  if (targets.length === 0) throw fields.refuse('targets', 'is empty');
  return {
    op: 'transferBlock',
    ...toClientHeader(fields.message('header')),
    targets,
    targetStorageIds: fields.strings('targetStorageIds'),
  };
}

function toClientHeader(fields: MessageFields): { block: ExtendedBlock; clientName: string } {
  return { block: toBlock(fields.message('baseHeader')), clientName: fields.string('clientName') };
}

function toBlock(baseHeader: MessageFields): ExtendedBlock {
  const block = baseHeader.message('block');
  return {
    poolId: block.nonEmptyString('poolId'),
    blockId: block.integer('blockId', 1),
    generationStamp: block.integer('generationStamp'),
    numBytes: block.integer('numBytes'),
  };
}

function toPipelineNode(fields: MessageFields): PipelineNode {
  const id = fields.message('id');
  return {
    uuid: id.nonEmptyString('datanodeUuid'),
    host: id.nonEmptyString('ipAddr'),
    dataPort: id.integer('xferPort', 1, MAX_PORT),
    rpcPort: id.integer('ipcPort', 0, MAX_PORT),
    httpPort: id.integer('infoPort', 0, MAX_PORT),
    rack: fields.string('location'),
  };
}
