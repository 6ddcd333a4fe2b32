/**
 * Reads a range of one block from one DataNode and verifies it. The DataNode sends whole chunks; what lies before and after the
 * range is verified with the rest and cut off.
 */
import type { Block } from '../../common/block.js';
import { blockName } from '../../common/block.js';
import { verifyChecksums } from '../../common/checksum.js';
import { encodeOperation } from '../../common/data-transfer.js';
import type { ReadOpChecksumInfo } from '../../common/data-transfer-response.js';
import { encodeClientReadStatus, readBlockOpResponse } from '../../common/data-transfer-response.js';
import { DfsError, isDfsError } from '../../common/errors.js';
import { DEFAULT_PACKET_LIMITS, readPacket } from '../../common/packet.js';
import { Status, statusName } from '../../common/status.js';
import type { DatanodeAddress } from '../types.js';
import type { ConnectionPool, DatanodeConnection } from './connection-pool.js';
import { abortable } from './connection-pool.js';

export interface BlockRange {
  readonly poolId: string;
  readonly block: Block;
  /** First byte in the block. */
  readonly offset: number;
  /** At least 1. */
  readonly length: number;
}

export interface BlockReadOptions {
  readonly clientName: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export class BlockReader {
  readonly #connection: DatanodeConnection;
  readonly #connections: ConnectionPool;
  readonly #range: BlockRange;
  readonly #options: BlockReadOptions;
  /** How the replica is checksummed, and where its first packet begins. */
  readonly info: ReadOpChecksumInfo;
  /** Next byte expected from the DataNode, as an offset in the block. */
  #next: number;
  #finished = false;

  /** Use {@link openBlockReader}. */
  constructor(
    connection: DatanodeConnection,
    connections: ConnectionPool,
    range: BlockRange,
    options: BlockReadOptions,
    info: ReadOpChecksumInfo,
  ) {
    this.#connection = connection;
    this.#connections = connections;
    this.#range = range;
    this.#options = options;
    this.info = info;
    this.#next = info.chunkOffset;
  }

  /**
   * The next bytes of the range, in the pieces in which they arrived; null after its last byte.
   * @throws DfsError `Corrupt` when the replica does not match its checksums; `ConnectionLost`, `Timeout`, `ProtocolViolation`,
   * `Cancelled`.
   */
  async next(): Promise<Buffer[] | null> {
    if (this.#finished) return null;
    const what = `reading ${this.#describe()}`;
    return await abortable(this.#connection.channel, this.#options.signal, what, () => this.#nextPacket());
  }

  /** Keeps the connection when everything was read, ends it otherwise. */
  close(): void {
    if (!this.#finished) this.#connection.channel.destroy();
  }

  async #nextPacket(): Promise<Buffer[] | null> {
    const end = this.#range.offset + this.#range.length;
    for (;;) {
      const packet = await readPacket(this.#connection.reader, DEFAULT_PACKET_LIMITS, this.#options.timeoutMs);
      if (packet.last) {
        if (this.#next < end)
          throw this.#violation(`ended ${this.#describe()} at offset ${this.#next} instead of ${end}`);
        await this.#finish();
        return null;
      }
      if (packet.offsetInBlock !== this.#next || this.#next >= end) {
        throw this.#violation(`sent offset ${packet.offsetInBlock} of ${this.#describe()} instead of ${this.#next}`);
      }
      this.#verify(packet.data, packet.checksums);
      const first = this.#next;
      this.#next += packet.dataLength;
      const wanted = slice(packet.data, this.#range.offset - first, end - first);
      if (wanted.length > 0) return wanted;
    }
  }

  #verify(data: readonly Buffer[], checksums: Buffer): void {
    const bad = verifyChecksums(this.info.checksum, data, checksums);
    if (bad < 0) return;
    const offset = this.#next + bad * this.info.checksum.bytesPerChecksum;
    throw new DfsError('Corrupt', `checksum error in ${this.#describe()} at offset ${offset}`);
  }

  async #finish(): Promise<void> {
    this.#finished = true;
    const { channel } = this.#connection;
    try {
      await channel.write([encodeClientReadStatus(Status.CHECKSUM_OK)], this.#options.timeoutMs);
      this.#connections.release(this.#connection);
    } catch {
      channel.destroy(); // all bytes are here and good: that the DataNode is gone does not matter
    }
  }

  #describe(): string {
    return `${blockName(this.#range.block)} on ${this.#connection.key}`;
  }

  #violation(what: string): DfsError {
    return new DfsError('ProtocolViolation', `${this.#connection.key} ${what}`);
  }
}

/**
 * Asks a DataNode for a range of a block.
 * @throws DfsError `ReplicaNotFound` when the DataNode refuses, with its reason; `ConnectionLost`, `Timeout`, `Cancelled`.
 */
export async function openBlockReader(
  connections: ConnectionPool,
  datanode: DatanodeAddress,
  range: BlockRange,
  options: BlockReadOptions,
): Promise<BlockReader> {
  const idle = connections.takeIdle(datanode);
  if (idle !== undefined) {
    try {
      return await request(idle, connections, range, options);
    } catch (error) {
      // The DataNode may have closed it meanwhile: that says nothing about the DataNode.
      if (!isDfsError(error, 'ConnectionLost')) throw error;
    }
  }
  return await request(await connections.connect(datanode, options.signal), connections, range, options);
}

async function request(
  connection: DatanodeConnection,
  connections: ConnectionPool,
  range: BlockRange,
  options: BlockReadOptions,
): Promise<BlockReader> {
  const { channel, reader } = connection;
  const what = `reading ${blockName(range.block)} from ${connection.key}`;
  try {
    const info = await abortable(channel, options.signal, what, async () => {
      const operation = encodeOperation({
        op: 'readBlock',
        block: { ...range.block, poolId: range.poolId },
        clientName: options.clientName,
        offset: range.offset,
        length: range.length,
        sendChecksums: true,
      });
      await channel.write([operation], options.timeoutMs);
      const response = await readBlockOpResponse(reader, options.timeoutMs);
      if (response.status !== Status.SUCCESS) {
        const reason = response.message || statusName(response.status);
        throw new DfsError('ReplicaNotFound', `${connection.key} does not give ${blockName(range.block)}: ${reason}`);
      }
      return checkedInfo(response.readOpChecksumInfo, range, connection.key);
    });
    return new BlockReader(connection, connections, range, options, info);
  } catch (error) {
    channel.destroy();
    throw error;
  }
}

function checkedInfo(info: ReadOpChecksumInfo | undefined, range: BlockRange, peer: string): ReadOpChecksumInfo {
  if (info === undefined || info.chunkOffset > range.offset) {
    throw new DfsError('ProtocolViolation', `${peer} answered a read of ${blockName(range.block)} with a wrong offset`);
  }
  return info;
}

/** The part from byte `from` to before byte `to` of buffers that lie one after the other; both may be out of range. */
function slice(buffers: readonly Buffer[], from: number, to: number): Buffer[] {
  const found: Buffer[] = [];
  let at = 0;
  for (const buffer of buffers) {
    const start = Math.max(0, from - at);
    const end = Math.min(buffer.length, to - at);
    if (start < end) found.push(start === 0 && end === buffer.length ? buffer : buffer.subarray(start, end));
    at += buffer.length;
  }
  return found;
}
