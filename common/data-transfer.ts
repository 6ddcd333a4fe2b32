/**
 * Operations of the data plane and their answers: what stands on a connection before the packets (packet.ts) and between them.
 * HDFS's DataTransferProtocol, version 28; proto/data-transfer.md tells the whole story.
 */
import { z } from 'zod';
import type { Block } from './block.js';
import type { ByteReader } from './byte-reader.js';
import type { ChecksumSpec } from './checksum.js';
import {
  checksumMessage,
  checksumSchema,
  decodeMessage,
  encodeDelimited,
  type MessageType,
  messageType,
} from './data-transfer-proto.js';
import { DfsError } from './errors.js';

export * from './data-transfer-response.js';
export { Status, statusName } from './status.js';

const DATA_TRANSFER_VERSION = 28;

const OpCode = { WRITE_BLOCK: 80, READ_BLOCK: 81, BLOCK_CHECKSUM: 85 } as const;

/** A header with a pipeline of 512 nodes has some 60 KB. */
const MAX_OPERATION_BYTES = 128 * 1024;
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

export type Operation = WriteBlockOperation | ReadBlockOperation | BlockChecksumOperation;

const int = z.int().nonnegative();

const blockSchema = z.object({
  poolId: z.string().min(1),
  blockId: z.int().positive(),
  generationStamp: int,
  numBytes: int,
});

const nodeSchema = z
  .object({
    id: z.object({
      ipAddr: z.string().min(1),
      datanodeUuid: z.string().min(1),
      xferPort: z.int().min(1).max(65535),
      infoPort: z.int().min(0).max(65535),
      ipcPort: z.int().min(0).max(65535),
    }),
    location: z.string(),
  })
  .transform(
    ({ id, location }): PipelineNode => ({
      uuid: id.datanodeUuid,
      host: id.ipAddr,
      dataPort: id.xferPort,
      rpcPort: id.ipcPort,
      httpPort: id.infoPort,
      rack: location,
    }),
  );

const baseHeaderSchema = z.object({ block: blockSchema });

const clientHeaderSchema = z.object({ baseHeader: baseHeaderSchema, clientName: z.string() });

const writeBlockSchema = z
  .object({
    header: clientHeaderSchema,
    targets: z.array(nodeSchema),
    stage: z.int(),
    pipelineSize: int,
    minBytesRcvd: int,
    maxBytesRcvd: int,
    latestGenerationStamp: int,
    requestedChecksum: checksumSchema,
    storageId: z.string(),
    targetStorageIds: z.array(z.string()),
  })
  .transform(({ header, requestedChecksum, stage, ...fields }, context): WriteBlockOperation => {
    const stageName = STAGES[stage];
    if (stageName === undefined) {
      context.addIssue({ code: 'custom', path: ['stage'], message: `${stage} is not known` });
      return z.NEVER;
    }
    return {
      op: 'writeBlock',
      block: header.baseHeader.block,
      clientName: header.clientName,
      ...fields,
      stage: stageName,
      checksum: requestedChecksum,
    };
  });

const readBlockSchema = z
  .object({ header: clientHeaderSchema, offset: int, len: int, sendChecksums: z.boolean() })
  .transform(
    ({ header, offset, len, sendChecksums }): ReadBlockOperation => ({
      op: 'readBlock',
      block: header.baseHeader.block,
      clientName: header.clientName,
      offset,
      length: len,
      sendChecksums,
    }),
  );

const blockChecksumSchema = z
  .object({ header: baseHeaderSchema })
  .transform(({ header }): BlockChecksumOperation => ({ op: 'blockChecksum', block: header.block }));

const writeBlockType = messageType('OpWriteBlockProto');
const readBlockType = messageType('OpReadBlockProto');
const blockChecksumType = messageType('OpBlockChecksumProto');

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
      return framed(OpCode.WRITE_BLOCK, writeBlockType, writeBlockMessage(operation));
    case 'readBlock':
      return framed(OpCode.READ_BLOCK, readBlockType, {
        header: clientHeader(operation),
        offset: operation.offset,
        len: operation.length,
        sendChecksums: operation.sendChecksums,
      });
    case 'blockChecksum':
      return framed(OpCode.BLOCK_CHECKSUM, blockChecksumType, { header: { block: operation.block } });
  }
}

function framed(opCode: number, type: MessageType, message: object): Buffer {
  const prefix = Buffer.from([DATA_TRANSFER_VERSION >> 8, DATA_TRANSFER_VERSION & 0xff, opCode]);
  return Buffer.concat([prefix, encodeDelimited(type, message)]);
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

function clientHeader({ block, clientName }: WriteBlockOperation | ReadBlockOperation): object {
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
      return readHeader(reader, writeBlockType, writeBlockSchema, timeoutMs);
    case OpCode.READ_BLOCK:
      return readHeader(reader, readBlockType, readBlockSchema, timeoutMs);
    case OpCode.BLOCK_CHECKSUM:
      return readHeader(reader, blockChecksumType, blockChecksumSchema, timeoutMs);
    default:
      throw new DfsError(
        'Unsupported',
        `${reader.peer} asked for operation ${opCode}, which this DataNode does not know`,
      );
  }
}

async function readHeader<Schema extends z.ZodType>(
  reader: ByteReader,
  type: MessageType,
  schema: Schema,
  timeoutMs: number,
): Promise<z.output<Schema>> {
  const bytes = await reader.readVarintDelimited(MAX_OPERATION_BYTES, timeoutMs);
  if (bytes === null)
    throw new DfsError('ConnectionLost', `${reader.peer} closed the connection in the middle of a message`);
  return decodeMessage(type, schema, bytes, reader.peer);
}
