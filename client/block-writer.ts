/**
 * Writes one block: sends its packets down the pipeline and sees to it that every one is acknowledged, whatever DataNodes fail
 * on the way.
 *
 *     queue --send--> unacked --ack--> room in the window again
 *       ^                |
 *       +----------------+  the pipeline failed and was rebuilt without the DataNode to blame
 */
import type { Block } from '../common/block.js';
import { cancellation } from '../common/cancellation.js';
import type { BlockPipelineOptions } from './block-pipeline.js';
import { BlockPipeline } from './block-pipeline.js';
import { onAbort } from './on-abort.js';
import type { OutgoingPacket } from './packet-builder.js';
import { PipelineFault } from './pipeline-recovery.js';
import type { PlacedBlock } from './rpc/messages.js';
import type { Pipeline } from './tcp/pipeline.js';
import { Wakeup } from './wakeup.js';

/** A new block after `previous` (once that is finished), or the last one of a file, which has room. */
export type BlockOrigin =
  | { readonly kind: 'new'; readonly previous: Promise<Block | undefined> }
  | ({ readonly kind: 'append' } & PlacedBlock);

/** How long the last words of a pipeline that takes nothing any more are waited for: they say who is to blame. */
const LAST_WORDS_MS = 2_000;

/** One life of the pipeline, as its sending and its receiving half share it. */
interface Stream {
  readonly pipeline: Pipeline;
  over: boolean;
  readonly ended: Wakeup;
  /** When the DataNodes last heard of this writer, or were about to. */
  lastSentMs: number;
}

export class BlockWriter {
  /** The block with its final length, once all DataNodes of its pipeline have closed it. @throws DfsError `PipelineFailed`, … */
  readonly finished: Promise<Block>;
  readonly #options: BlockPipelineOptions;
  readonly #onAcknowledged: (packet: OutgoingPacket) => void;
  readonly #pipeline: BlockPipeline;
  readonly #changed = new Wakeup();
  #queue: OutgoingPacket[] = [];
  #unacked: OutgoingPacket[] = [];
  #ackedBytes: number;
  #ackedSeqno = -1;
  #recoveriesSinceAck = 0;
  #recovering = false;
  #flushed = false;
  #failure: { readonly error: unknown } | undefined;

  /** Starts at once. `onAcknowledged` is called with each packet that is not needed any more. */
  constructor(options: BlockPipelineOptions, origin: BlockOrigin, onAcknowledged: (packet: OutgoingPacket) => void) {
    this.#options = options;
    this.#onAcknowledged = onAcknowledged;
    this.#pipeline = new BlockPipeline(options);
    this.#ackedBytes = origin.kind === 'append' ? origin.block.numBytes : 0;
    this.finished = this.#run(origin);
    this.finished.catch((error: unknown) => {
      this.#failure = { error };
      this.#changed.wake();
    });
  }

  /** The block, if it is allocated. */
  get block(): Block | undefined {
    return this.#pipeline.block;
  }

  /** The block under the stamp that is in force at the NameNode: while the pipeline is rebuilt, nobody can say which one it is. */
  async settledBlock(): Promise<Block> {
    while (this.#failure === undefined && (this.#recovering || this.block === undefined)) await this.#changed.wait();
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#required();
  }

  /** Queues a packet. The packets of a block come in order, the empty last one at the end. */
  enqueue(packet: OutgoingPacket): void {
    this.#queue.push(packet);
    this.#changed.wake();
  }

  /** The writer is told that all that was acknowledged can be read. */
  flushed(): void {
    this.#flushed = true;
  }

  /** Resolves once all DataNodes have acknowledged the packet. @throws DfsError why the block cannot be written. */
  async acknowledged(seqno: number): Promise<void> {
    while (this.#failure === undefined && this.#ackedSeqno < seqno) await this.#changed.wait();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #run(origin: BlockOrigin): Promise<Block> {
    let pipeline: Pipeline | undefined =
      origin.kind === 'new' ? await this.#pipeline.create(await origin.previous) : await this.#pipeline.append(origin);
    while (pipeline !== undefined) {
      const fault = await this.#stream(pipeline);
      pipeline = fault === undefined ? undefined : await this.#recover(fault, origin);
    }
    return { ...this.#required(), numBytes: this.#ackedBytes };
  }

  #required(): Block {
    if (this.block === undefined) throw new Error('a block was written that does not exist');
    return this.block;
  }

  async #recover(fault: PipelineFault, origin: BlockOrigin): Promise<Pipeline | undefined> {
    this.#recovering = true;
    const progress = {
      appending: false,
      fresh: origin.kind === 'new' && this.#ackedSeqno < 0,
      reliedOn: origin.kind === 'append' || this.#flushed,
      ackedBytes: this.#ackedBytes,
      unacked: this.#unacked,
      recoveries: this.#recoveriesSinceAck,
    };
    const previous = origin.kind === 'new' ? await origin.previous : undefined;
    const pipeline = await this.#pipeline.recover(fault, progress, previous);
    this.#recovering = false;
    this.#changed.wake();
    this.#recoveriesSinceAck++;
    this.#queue = [...this.#unacked, ...this.#queue];
    this.#unacked = [];
    return pipeline;
  }

  /** Sends until the last packet is acknowledged, or until the pipeline fails: then returns why. */
  async #stream(pipeline: Pipeline): Promise<PipelineFault | undefined> {
    const { signal, calls } = this.#options;
    const lastSentMs = this.#options.context.clock.monotonicMs();
    const stream: Stream = { pipeline, over: false, ended: new Wakeup(), lastSentMs };
    const ignoreAbort = onAbort(signal, () => pipeline.destroy());
    const sending = this.#sendPackets(stream);
    try {
      await this.#receiveAcks(pipeline);
      return undefined;
    } catch (error) {
      if (signal.aborted) throw cancellation(signal, `writing ${calls.path}`);
      if (error instanceof PipelineFault) return error;
      throw error;
    } finally {
      ignoreAbort();
      stream.over = true;
      stream.ended.wake();
      this.#changed.wake();
      pipeline.destroy();
      await sending;
    }
  }

  async #receiveAcks(pipeline: Pipeline): Promise<void> {
    for (;;) {
      const seqno = await pipeline.readAck();
      const packet = this.#unacked.shift();
      if (packet?.seqno !== seqno)
        throw new PipelineFault(0, `it acknowledged packet ${seqno} instead of ${packet?.seqno}`);
      this.#ackedBytes = packet.offsetInBlock + packet.dataLength;
      this.#ackedSeqno = seqno;
      this.#recoveriesSinceAck = 0;
      this.#onAcknowledged(packet);
      this.#changed.wake();
      if (packet.last) return;
    }
  }

  /** Ends in silence when sending fails: what was to blame, the acknowledgements tell, or the end of them. */
  async #sendPackets(stream: Stream): Promise<void> {
    try {
      while (!stream.over) {
        const packet = this.#nextToSend();
        if (packet === undefined) {
          await this.#idle(stream);
        } else {
          this.#unacked.push(packet);
          await stream.pipeline.send(packet);
          stream.lastSentMs = this.#options.context.clock.monotonicMs();
        }
      }
    } catch {
      if (!stream.over) await stream.ended.waitFor(this.#options.context.clock, LAST_WORDS_MS);
      stream.pipeline.destroy();
    }
  }

  /** The last packet waits until all others are acknowledged: see planRecovery. */
  #nextToSend(): OutgoingPacket | undefined {
    const [packet] = this.#queue;
    if (packet === undefined || (packet.last && this.#unacked.length > 0)) return undefined;
    return this.#queue.shift();
  }

  /** Waits for something to send; tells the DataNodes that this writer lives when that takes long. */
  async #idle(stream: Stream): Promise<void> {
    const { clock, settings } = this.#options.context;
    if (this.#unacked.some((packet) => packet.last)) {
      await this.#changed.wait();
      return;
    }
    const dueMs = stream.lastSentMs + settings.socketTimeoutMs / 2;
    await this.#changed.waitFor(clock, Math.max(0, dueMs - clock.monotonicMs()));
    // A timer may fire a fraction of a millisecond early, which must not cost the DataNodes another whole interval.
    if (stream.over || clock.monotonicMs() < dueMs) return;
    await stream.pipeline.sendHeartbeat();
    stream.lastSentMs = clock.monotonicMs();
  }
}
