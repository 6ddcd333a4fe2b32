import type { ByteReader } from '../common/byte-reader.js';
import type { Channel } from '../common/channel.js';
import { DfsError } from '../common/errors.js';
import type { ReceivedPacket } from '../common/packet.js';
import { encodeAck, OUT_OF_BAND_SEQNO, readAck } from '../common/packet.js';
import { Status } from '../common/status.js';

/** How this DataNode fared with a packet. */
export interface PacketOutcome {
  readonly status: Status;
  /** It took longer than it ought to. */
  readonly slow: boolean;
}

/** A packet that was received and is to be acknowledged. */
export interface PendingAck {
  readonly packet: ReceivedPacket;
  /** Does not reject. */
  readonly done: Promise<PacketOutcome>;
}

/** The next DataNode of the pipeline, as far as acknowledgements come from it. */
export interface AckSource {
  readonly reader: ByteReader;
  readonly timeoutMs: number;
}

export interface PacketResponderOptions {
  readonly upstream: Channel;
  readonly writeTimeoutMs: number;
  readonly downstream: AckSource | undefined;
  /** Called with each packet that all DataNodes from here on have. */
  readonly onAcknowledged: (ack: PendingAck) => void;
}

/** A client has far fewer packets on their way; one that never reads its acks must not fill our memory with them. */
const MAX_PENDING = 1024;

/**
 * Acknowledges packets to whoever sent them, in order: each one when this DataNode is done with it and all those behind
 * it have acknowledged it. Own status first, then theirs, so that the client sees at which place of the pipeline
 * something failed.
 */
export class PacketResponder {
  readonly #options: PacketResponderOptions;
  readonly #pending: PendingAck[] = [];
  #wake: (() => void) | undefined;
  #wakeRoom: (() => void) | undefined;
  #closed = false;

  constructor(options: PacketResponderOptions) {
    this.#options = options;
  }

  enqueue(ack: PendingAck): void {
    this.#pending.push(ack);
    this.#wake?.();
  }

  /** Resolves when another one may be queued. To be awaited by one at a time. */
  async room(): Promise<void> {
    while (this.#pending.length >= MAX_PENDING && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wakeRoom = resolve;
      });
    }
  }

  /** No more packets come: ends {@link run} once the pending ones are through. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  /**
   * Acknowledges until the last packet; true when that has succeeded. False: a failure was sent upstream, or {@link
   * close} was called before.
   * @throws DfsError `ConnectionLost`, `Timeout` when the other side takes no acks.
   */
  async run(): Promise<boolean> {
    try {
      for (;;) {
        const ack = await this.#next();
        if (ack === undefined) return false;
        const reply = await this.#reply(ack);
        const succeeded = reply.every(({ status }) => status === Status.SUCCESS);
        if (succeeded) this.#options.onAcknowledged(ack);
        await this.#options.upstream.write([encoded(ack.packet.seqno, reply)], this.#options.writeTimeoutMs);
        if (!succeeded) return false;
        if (ack.packet.last) return true;
      }
    } finally {
      this.#closed = true;
      this.#wakeRoom?.();
    }
  }

  async #next(): Promise<PendingAck | undefined> {
    while (this.#pending.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const ack = this.#pending.shift();
    this.#wakeRoom?.();
    return ack;
  }

  async #reply(ack: PendingAck): Promise<PacketOutcome[]> {
    const own = await ack.done;
    if (own.status !== Status.SUCCESS || this.#options.downstream === undefined) return [own];
    const theirs = await this.#readDownstream(this.#options.downstream, ack.packet.seqno);
    if (theirs[0]?.status === Status.ERROR_CHECKSUM) {
      // The next DataNode has checked the bytes that came from here and is good itself. HDFS takes the node before it
      // for the culprit; by saying nothing more we become the one that the client leaves out.
      throw new DfsError('Corrupt', 'The next DataNode found wrong checksums in what this one passed on');
    }
    return [own, ...theirs];
  }

  async #readDownstream({ reader, timeoutMs }: AckSource, seqno: number): Promise<readonly PacketOutcome[]> {
    try {
      const ack = await readAck(reader, timeoutMs);
      // What somebody behind us has to tell, that it restarts, goes on to the writer in the place of this ack.
      const isOfPacket = ack?.seqno === seqno || ack?.seqno === OUT_OF_BAND_SEQNO;
      if (!isOfPacket || ack.reply.length === 0) return [NOT_HEARD];
      return ack.reply.map((status, index) => ({ status, slow: ack.slow?.[index] ?? false }));
    } catch {
      return [NOT_HEARD];
    }
  }
}

const NOT_HEARD: PacketOutcome = { status: Status.ERROR, slow: false };

function encoded(seqno: number, outcomes: readonly PacketOutcome[]): Buffer {
  const reply = outcomes.map(({ status }) => status);
  if (!outcomes.some(({ slow }) => slow)) return encodeAck({ seqno, reply });
  return encodeAck({ seqno, reply, slow: outcomes.map(({ slow }) => slow) });
}
