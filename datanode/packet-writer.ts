import { CHECKSUM_SIZE_BYTES } from '../common/checksum.js';
import type { Clock } from '../common/clock.js';
import type { ReceivedPacket } from '../common/packet.js';
import type { ReplicaStore, WritableReplica } from './replica-store.js';

export interface PacketWriterOptions {
  readonly clock: Clock;
  /** {@link PacketWriter.room} waits while more than this is received and not written. */
  readonly maxPendingBytes: number;
  /** Once so much is written and not synced, it is synced while more comes in. 0: never. */
  readonly syncBehindBytes: number;
}

interface Waiting {
  readonly packet: ReceivedPacket;
  readonly resolve: (tookMs: number) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Writes the packets of one replica to its files, in order. While one write is under way, what comes in collects, and
 * goes to the disk in one call after it: the received buffers themselves, never copied together.
 */
export class PacketWriter {
  readonly #store: ReplicaStore;
  readonly #writable: WritableReplica;
  readonly #options: PacketWriterOptions;
  #waiting: Waiting[] = [];
  #pendingBytes = 0;
  #running: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #wakeRoom: (() => void) | undefined;
  #unsyncedBytes = 0;
  #syncBehind: Promise<void> | undefined;
  #hasSyncedName = false;

  constructor(store: ReplicaStore, writable: WritableReplica, options: PacketWriterOptions) {
    this.#store = store;
    this.#writable = writable;
    this.#options = options;
  }

  /**
   * Queues a packet; resolves when it is in the files, and on stable storage if it asks for that, with how long the disk took over it (in
   * milliseconds). Rejects with the operating system's error; then all later ones reject as well.
   */
  write(packet: ReceivedPacket): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure.error);
        return;
      }
      this.#waiting.push({ packet, resolve, reject });
      this.#pendingBytes += packet.dataLength;
      this.#running ??= this.#run();
    });
  }

  /** Resolves when another packet may be queued. To be awaited by one at a time. */
  async room(): Promise<void> {
    while (this.#pendingBytes > this.#options.maxPendingBytes && this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        this.#wakeRoom = resolve;
      });
    }
  }

  /** Resolves when nothing is being done to the files any more. */
  async settled(): Promise<void> {
    await this.#running;
    await this.#syncBehind;
  }

  /** The same, and rejects when something that was queued could not be written. */
  async flush(): Promise<void> {
    await this.settled();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#takeBatch();
      const startMs = this.#options.clock.monotonicMs();
      try {
        await this.#store.onDisk(this.#writable.volume, () => this.#writeBatch(batch.map(({ packet }) => packet)));
        const tookMs = this.#options.clock.monotonicMs() - startMs;
        for (const { resolve } of batch) resolve(tookMs);
      } catch (error) {
        this.#fail(error, batch);
      }
      for (const { packet } of batch) this.#pendingBytes -= packet.dataLength;
      this.#wakeRoom?.();
    }
    this.#running = undefined;
  }

  #fail(error: unknown, batch: readonly Waiting[]): void {
    this.#failure = { error };
    for (const { reject } of [...batch, ...this.#waiting]) reject(error);
    this.#waiting = [];
  }

  /** As many of the waiting packets as follow each other without a gap or a step back. */
  #takeBatch(): Waiting[] {
    let count = 1;
    for (; count < this.#waiting.length; count++) {
      const before = (this.#waiting[count - 1] as Waiting).packet;
      const next = (this.#waiting[count] as Waiting).packet;
      if (next.offsetInBlock !== before.offsetInBlock + before.dataLength) break;
    }
    return this.#waiting.splice(0, count);
  }

  async #writeBatch(packets: readonly ReceivedPacket[]): Promise<void> {
    const { replica, files, volume } = this.#writable;
    // A rebuilt pipeline may bring again what this replica has already.
    const fresh = packets.filter(({ offsetInBlock, dataLength }) => offsetInBlock + dataLength > replica.numBytes);
    const first = fresh[0];
    const last = fresh.at(-1);
    if (first !== undefined && last !== undefined) {
      const data = fresh.flatMap((packet) => packet.data);
      await files.write(
        first.offsetInBlock,
        data,
        fresh.map((packet) => packet.checksums),
      );
      const end = last.offsetInBlock + last.dataLength;
      this.#unsyncedBytes += end - replica.numBytes;
      this.#store.catalog.wrote(replica, volume, end, this.#checksumOfPartialChunk(last, end));
    }
    if (packets.some((packet) => packet.sync)) await this.#sync();
    else this.#startSyncBehind();
  }

  /** A copy: a slice would keep the whole receive buffer in memory as long as the replica is not finalized. */
  #checksumOfPartialChunk({ checksums }: ReceivedPacket, endOffset: number): Buffer | undefined {
    const { bytesPerChecksum } = this.#writable.files.checksum;
    return endOffset % bytesPerChecksum === 0 ? undefined : Buffer.from(checksums.subarray(-CHECKSUM_SIZE_BYTES));
  }

  async #sync(): Promise<void> {
    const { replica, files, volume } = this.#writable;
    await files.sync(replica.numBytes);
    this.#unsyncedBytes = 0;
    if (this.#hasSyncedName) return;
    await volume.syncRbwDirectory();
    this.#hasSyncedName = true;
  }

  /** Otherwise the whole block would have to go to the disk when it is closed, while its writer waits. */
  #startSyncBehind(): void {
    const { syncBehindBytes } = this.#options;
    if (syncBehindBytes === 0 || this.#unsyncedBytes < syncBehindBytes || this.#syncBehind !== undefined) return;
    this.#unsyncedBytes = 0;
    const { files, volume } = this.#writable;
    this.#syncBehind = this.#store
      .onDisk(volume, () => files.syncData())
      // The kernel tells of a lost write only once, to one sync: without this, the last sync would succeed.
      .catch((error: unknown) => this.#fail(error, []))
      .finally(() => {
        this.#syncBehind = undefined;
      });
  }
}
