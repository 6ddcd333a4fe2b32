/**
 * Reads a range of one block from one DataNode and verifies it. The DataNode sends whole chunks; what lies before and after the
 * range is verified with the rest and cut off.
 */
import type { Block } from '../../common/block.js';
import { blockName } from '../../common/block.js';
import { cancellation } from '../../common/cancellation.js';
import { verifyChecksums } from '../../common/checksum.js';
import { encodeOperation } from '../../common/data-transfer.js';
import type { ReadOpChecksumInfo } from '../../common/data-transfer-response.js';
import { encodeClientReadStatus, readBlockOpResponse } from '../../common/data-transfer-response.js';
import { DfsError, isDfsError } from '../../common/errors.js';
import { DEFAULT_PACKET_LIMITS, readPacket } from '../../common/packet.js';
import { Status, statusName } from '../../common/status.js';
import { onAbort } from '../on-abort.js';
import type { DatanodeAddress } from '../types.js';
import type { ConnectionPool, DatanodeConnection } from './connection-pool.js';

export interface BlockRange {
  readonly poolId: string;
  readonly block: Block;
  /** First byte in the block. */
  readonly offset: number;
  /** At least 1. */
  readonly length: number;
}

/** Verified bytes of a range, in the pieces in which they arrived. */
export interface ReceivedBytes {
  readonly pieces: readonly Buffer[];
  /** Gives their memory back, to be received into again; only for who knows that nobody looks at them any more. */
  release(): void;
}

export interface BlockReadOptions {
  readonly clientName: string;
  readonly timeoutMs: number;
  /** Ends the connection when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

export class BlockReader {
  /** How the replica is checksummed, and where its first packet begins. */
  readonly info: ReadOpChecksumInfo;
  readonly #connections: ConnectionPool;
  readonly #connection: DatanodeConnection;
  readonly #range: BlockRange;
  readonly #options: BlockReadOptions;
  readonly #ignoreAbort: () => void;
  /** Next byte expected from the DataNode, as an offset in the block. */
  #next: number;
  #finished = false;

  private constructor(
    connections: ConnectionPool,
    connection: DatanodeConnection,
    range: BlockRange,
    options: BlockReadOptions,
    info: ReadOpChecksumInfo,
  ) {
    this.info = info;
    this.#connections = connections;
    this.#connection = connection;
    this.#range = range;
    this.#options = options;
    this.#next = info.chunkOffset;
    this.#ignoreAbort = destroyOnAbort(connection, options.signal);
  }

  /**
   * Asks a DataNode for a range of a block.
   * @throws DfsError `ReplicaNotFound` when the DataNode refuses, with its reason; `ConnectionLost`, `Timeout`, `Cancelled`.
   */
  static async open(
    connections: ConnectionPool,
    datanode: DatanodeAddress,
    range: BlockRange,
    options: BlockReadOptions,
  ): Promise<BlockReader> {
    const idle = connections.takeIdle(datanode);
    if (idle !== undefined) {
      try {
        return new BlockReader(connections, idle, range, options, await request(idle, range, options));
      } catch (error) {
        // The DataNode may have closed it meanwhile: that says nothing about the DataNode.
        if (!isDfsError(error, 'ConnectionLost')) throw error;
      }
    }
    const connection = await connections.connect(datanode, options.signal);
    return new BlockReader(connections, connection, range, options, await request(connection, range, options));
  }

  /**
   * The next bytes of the range; null after its last byte.
   * @throws DfsError `Corrupt` when the replica does not match its checksums; `ConnectionLost`, `Timeout`, `ProtocolViolation`,
   * `Cancelled`.
   */
  async next(): Promise<ReceivedBytes | null> {
    if (this.#finished) return null;
    try {
      return await this.#nextBytes();
    } catch (error) {
      const { signal } = this.#options;
      throw signal?.aborted ? cancellation(signal, `reading ${this.#describe()}`) : error;
    }
  }

  /** Keeps the connection when everything was read, ends it otherwise. */
  close(): void {
    this.#ignoreAbort();
    if (!this.#finished) this.#connection.channel.destroy();
  }

  async #nextBytes(): Promise<ReceivedBytes | null> {
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
      const pieces = slice(packet.data, this.#range.offset - first, end - first);
      if (pieces.length > 0) return { pieces, release: packet.release };
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
    this.#ignoreAbort();
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

/** Sends the request; the connection is of no use when it fails. */
async function request(
  connection: DatanodeConnection,
  range: BlockRange,
  { clientName, timeoutMs, signal }: BlockReadOptions,
): Promise<ReadOpChecksumInfo> {
  const { channel, reader, key } = connection;
  const ignoreAbort = destroyOnAbort(connection, signal);
  const { poolId, block, offset, length } = range;
  try {
    const operation = {
      op: 'readBlock',
      block: { ...block, poolId },
      clientName,
      offset,
      length,
      sendChecksums: true,
    } as const;
    await channel.write([encodeOperation(operation)], timeoutMs);
    const response = await readBlockOpResponse(reader, timeoutMs);
    if (response.status !== Status.SUCCESS) {
      const reason = response.message || statusName(response.status);
      throw new DfsError('ReplicaNotFound', `${key} does not give ${blockName(block)}: ${reason}`);
    }
    return checkedInfo(response.readOpChecksumInfo, range, key);
  } catch (error) {
    channel.destroy();
    throw signal?.aborted ? cancellation(signal, `reading ${blockName(block)}`) : error;
  } finally {
    ignoreAbort();
  }
}

function destroyOnAbort({ channel }: DatanodeConnection, signal: AbortSignal | undefined): () => void {
  return signal === undefined ? () => {} : onAbort(signal, () => channel.destroy());
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
