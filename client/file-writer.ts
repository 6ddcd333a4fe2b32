/**
 * A file that is open for writing. Cuts what is written into packets and blocks; each block is written by a {@link BlockWriter},
 * one after the other, while the packets of the next one may already gather.
 */
import type { Block } from '../common/block.js';
import { cancellation } from '../common/cancellation.js';
import type { ChecksumSpec } from '../common/checksum.js';
import { DfsError, toDfsError } from '../common/errors.js';
import type { FileToWrite } from './block-pipeline.js';
import type { BlockOrigin } from './block-writer.js';
import { BlockWriter } from './block-writer.js';
import type { ClientContext } from './context.js';
import { FlowWindow } from './flow-window.js';
import { newAbortController, onAbort } from './on-abort.js';
import type { OutgoingPacket, PacketBuilderOptions } from './packet-builder.js';
import { PacketBuilder } from './packet-builder.js';
import type { PlacedBlock } from './rpc/messages.js';
import { WriterCalls } from './rpc/writer-calls.js';
import { SuspectNodes } from './suspect-nodes.js';
import type { FileStatus } from './types.js';

export interface WriteOptions {
  /**
   * The bytes belong to the writer from now on, and nobody changes them any more: then they need not be copied. Default: false, the
   * caller may use them again as soon as `write` has resolved.
   */
  readonly handOver?: boolean;
}

/** The last block of a file that is appended to: it has room, and may end within a chunk. */
export interface LastBlock extends PlacedBlock {
  /** How its replicas are checksummed. */
  readonly checksum: ChecksumSpec;
  /** The bytes of its last, partly filled chunk. */
  readonly tail: Buffer;
}

export interface FileWriterOptions {
  readonly context: ClientContext;
  readonly status: FileStatus;
  /** Tells this writer from an earlier one of the same client, whose calls the NameNode refuses: what it answered when the file was opened. */
  readonly openedBy: number;
  readonly lastBlock?: LastBlock | undefined;
  /** The block for the first bytes of a new file, if it has come with the file. */
  readonly firstBlock?: PlacedBlock | undefined;
  /** Aborts the writer. */
  readonly signal?: AbortSignal | undefined;
  /** Called once, when the writer is done in whatever way. */
  readonly onEnd: () => void;
}

/** The block being filled: what cuts its packets, and what sends them, from the first one on. */
interface OpenBlock {
  readonly builder: PacketBuilder;
  writer: BlockWriter | undefined;
}

/** How much of a large write is cut into packets before others get their turn. */
const SLICE_BYTES = 1024 * 1024;

/** How long an aborted writer tries to give its block back. */
const ABANDON_TIMEOUT_MS = 5_000;

export class FileWriter {
  readonly #options: FileWriterOptions;
  readonly #abort = newAbortController();
  readonly #calls: WriterCalls;
  readonly #window: FlowWindow;
  readonly #suspects: SuspectNodes;
  /** The block being filled; undefined between two blocks. */
  #open: OpenBlock | undefined;
  /** The block before {@link #open}, or the last one; resolves once it is complete on its DataNodes. */
  #previous: Promise<Block | undefined> = Promise.resolve(undefined);
  #length: number;
  /** Length of the file that the NameNode knows. */
  #knownLength: number;
  /** Whether the NameNode knows that a part of the block being written can be read. */
  #blockIsVisible = false;
  /** Operations run one after the other, in the order of their calls. */
  #lastOperation: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #failure: DfsError | undefined;
  #ended = false;
  #ignoreSignal = (): void => {};

  /** Use `FileSystem.create` or `FileSystem.append`. */
  constructor(options: FileWriterOptions) {
    const { context, status, lastBlock, firstBlock, signal } = options;
    this.#options = options;
    this.#calls = new WriterCalls({ context, file: this.#file, firstBlock, signal: this.#abort.signal });
    this.#window = new FlowWindow(context.settings.writeWindowBytes);
    this.#suspects = new SuspectNodes(context.clock, context.settings.suspectMs);
    this.#length = status.length;
    this.#knownLength = status.length;
    if (lastBlock !== undefined) this.#openLastBlock(lastBlock);
    if (signal !== undefined) this.#ignoreSignal = onAbort(signal, () => void this.abort(signal.reason));
  }

  /** The file as it was when it was opened. */
  get status(): FileStatus {
    return this.#options.status;
  }

  get path(): string {
    return this.#options.status.path;
  }

  get #file(): FileToWrite {
    const { status, openedBy } = this.#options;
    const { path, fileId, blockSize, replication } = status;
    return { path, fileId, openedBy, blockSize, replication };
  }

  /** Bytes of the file so far, those included that are still on their way. */
  get length(): number {
    return this.#length;
  }

  /**
   * Appends `bytes` to the file; resolves once there is room for more, which may be long before they are stored: that is what
   * {@link hflush}, {@link hsync} and {@link close} tell. Calls without waiting for each other are done in order.
   * @throws DfsError why the file cannot be written any more (`PipelineFailed`, `LeaseExpired`, `Cancelled`, …).
   */
  async write(bytes: Uint8Array, { handOver = false }: WriteOptions = {}): Promise<void> {
    await this.#inOrder(async () => {
      for (let at = 0; at < bytes.length; ) {
        this.#requireOpen();
        this.#open ??= this.#openNextBlock();
        const { builder } = this.#open;
        const piece = bytes.subarray(at, at + Math.min(SLICE_BYTES, builder.room));
        for (const packet of builder.append(piece, handOver)) this.#enqueue(this.#writerOf(this.#open), packet);
        at += piece.length;
        this.#length += piece.length;
        if (builder.room === 0) this.#endBlock();
        await this.#window.room();
      }
    });
  }

  /**
   * Resolves once all that was written is in the memory of every DataNode of the pipeline, and readers who open the file from now
   * on see it. The length that `stat` gives is another matter: the NameNode is told only of a block's first flush, as in HDFS.
   */
  async hflush(): Promise<void> {
    await this.#inOrder(() => this.#flush(false));
  }

  /** As {@link hflush}, and on the disk of every DataNode of the pipeline; `stat` knows it then. (HDFS: hsync with UPDATE_LENGTH.) */
  async hsync(): Promise<void> {
    await this.#inOrder(() => this.#flush(true));
  }

  /**
   * Writes what is left and closes the file: it is complete then, and on the disk of every DataNode of its pipelines. Calling it again
   * gives the same outcome; after a failure or an abort it rejects with the reason.
   */
  close(): Promise<void> {
    this.#closing ??= this.#inOrder(() => this.#complete());
    return this.#closing;
  }

  /**
   * Stops writing. The block that no reader has seen yet is given back; the file stays open, for others to take over once this client
   * has been silent for 60 s, and can be deleted at once.
   */
  async abort(reason?: unknown): Promise<void> {
    if (this.#ended && this.#failure === undefined) return;
    this.#abort.abort(reason);
    this.#fail(cancellation(this.#abort.signal, `writing ${this.path}`));
    await this.#giveBlockBack();
  }

  async #flush(sync: boolean): Promise<void> {
    this.#requireOpen();
    if (this.#open === undefined) {
      await this.#tellLength(await this.#previous, sync);
      return;
    }
    const { builder } = this.#open;
    const writer = this.#writerOf(this.#open);
    const packet = builder.flush(sync);
    if (packet !== undefined) this.#enqueue(writer, packet);
    await writer.acknowledged(builder.lastSeqno);
    writer.flushed();
    await this.#tellLength({ ...(await writer.settledBlock()), numBytes: builder.length }, sync);
  }

  /** Tells the NameNode, if it must know. */
  async #tellLength(lastBlock: Block | undefined, sync: boolean): Promise<void> {
    const isKnown = this.#knownLength === this.#length || (this.#blockIsVisible && !sync);
    if (lastBlock === undefined || isKnown) return;
    await this.#calls.fsync(lastBlock);
    this.#knownLength = this.#length;
    this.#blockIsVisible = true;
  }

  async #complete(): Promise<void> {
    this.#requireOpen();
    this.#endBlock();
    try {
      await this.#calls.complete(await this.#previous);
    } catch (error) {
      throw this.#fail(toDfsError(error));
    }
    this.#end();
  }

  #openNextBlock(): OpenBlock {
    const { checksum } = this.#options.context.settings;
    this.#blockIsVisible = false;
    return { builder: this.#newBuilder({ checksum }), writer: undefined };
  }

  /** Not before there is something to send: all of a small block may go at once. */
  #writerOf(open: OpenBlock): BlockWriter {
    open.writer ??= this.#startNewBlock();
    return open.writer;
  }

  #startNewBlock(): BlockWriter {
    const { checksum } = this.#options.context.settings;
    return this.#startWriter(checksum, { kind: 'new', previous: this.#previous });
  }

  #openLastBlock({ block, nodes, checksum, tail }: LastBlock): void {
    const builder = this.#newBuilder({ checksum, length: block.numBytes, tail });
    this.#blockIsVisible = true;
    this.#open = { builder, writer: this.#startWriter(checksum, { kind: 'append', block, nodes }) };
  }

  #newBuilder(options: Pick<PacketBuilderOptions, 'checksum' | 'length' | 'tail'>): PacketBuilder {
    const { context, status } = this.#options;
    const { packetSize } = context.settings;
    return new PacketBuilder({ ...options, packetSize, blockSize: status.blockSize, buffers: context.buffers });
  }

  #startWriter(checksum: ChecksumSpec, origin: BlockOrigin): BlockWriter {
    const { context } = this.#options;
    const common = {
      context,
      calls: this.#calls,
      file: this.#file,
      checksum,
      suspects: this.#suspects,
      signal: this.#abort.signal,
    };
    const writer = new BlockWriter(common, origin, (packet) => this.#acknowledged(packet));
    writer.finished.catch((error: unknown) => this.#fail(toDfsError(error)));
    return writer;
  }

  #endBlock(): void {
    if (this.#open === undefined) return;
    const { builder } = this.#open;
    const rest = builder.flush(false);
    const { smallBlocks, settings } = this.#options.context;
    if (this.#open.writer === undefined && rest !== undefined && smallBlocks.takes(rest, settings.checksum)) {
      this.#previous = this.#writeSmallBlock(rest, builder.end());
      this.#previous.catch((error: unknown) => this.#fail(toDfsError(error)));
    } else {
      const writer = this.#writerOf(this.#open);
      if (rest !== undefined) this.#enqueue(writer, rest);
      this.#enqueue(writer, builder.end());
      this.#previous = writer.finished;
    }
    this.#open = undefined;
  }

  /** All of a block: in one message, or, when that fails, through a pipeline. */
  async #writeSmallBlock(packet: OutgoingPacket, end: OutgoingPacket): Promise<Block> {
    const { context } = this.#options;
    const previous = this.#previous;
    this.#window.take(packet.dataLength);
    const write = { calls: this.#calls, checksum: context.settings.checksum, signal: this.#abort.signal };
    const block = await context.smallBlocks.write(write, packet, await previous);
    if (block !== undefined) {
      this.#acknowledged(packet);
      return block;
    }
    const writer = this.#startWriter(context.settings.checksum, { kind: 'new', previous });
    writer.enqueue(packet);
    writer.enqueue(end);
    return await writer.finished;
  }

  #enqueue(writer: BlockWriter, packet: OutgoingPacket): void {
    this.#window.take(packet.dataLength);
    writer.enqueue(packet);
  }

  #acknowledged({ dataLength, copiedInto }: OutgoingPacket): void {
    this.#window.giveBack(dataLength);
    if (copiedInto !== undefined) this.#options.context.buffers.give(copiedInto);
  }

  async #giveBlockBack(): Promise<void> {
    const writer = this.#open?.writer;
    this.#open = undefined;
    await writer?.finished.catch(() => {});
    const block = writer?.block ?? this.#calls.takeFirstBlock()?.block;
    if (block === undefined || this.#blockIsVisible) return;
    const { context } = this.#options;
    const calls = new WriterCalls({ context, file: this.#file, timeoutMs: ABANDON_TIMEOUT_MS });
    await calls.abandonBlock(block).catch(() => {});
  }

  async #inOrder<T>(operation: () => Promise<T>): Promise<T> {
    const result = this.#lastOperation.then(operation);
    this.#lastOperation = result.catch(() => {});
    return await result;
  }

  #requireOpen(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#ended) throw new DfsError('InvalidArgument', `${this.path} is closed and cannot be written to`);
  }

  /** Nothing can be written any more; returns why: the first error counts. */
  #fail(error: DfsError): DfsError {
    this.#failure ??= error;
    this.#window.fail(this.#failure);
    this.#end();
    return this.#failure;
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#ignoreSignal();
    this.#options.onEnd();
  }
}
