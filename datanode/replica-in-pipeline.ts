import type { Block } from '../common/block.js';
import type { Replica, ReplicaState } from './replica.js';
import { requireTransition } from './replica.js';

/** Whoever writes to a replica at present. */
export interface ReplicaWriter {
  /** Makes the writer give the replica up; resolves once it has let go of the files. */
  stop(reason: string): Promise<void>;
}

/**
 * A replica that is not finalized: it changes while it is written, so that everyone who looks at it looks at this one
 * object. (HDFS's name for it. The finalized ones, of which there are very many, are rows of a {@link ReplicaTable}.)
 */
export class ReplicaInPipeline implements Replica {
  readonly blockId: number;
  readonly volume: number;
  /** Bytes of the volume that are set aside for it and not written yet. */
  reservedBytes: number;
  writer: ReplicaWriter | undefined;
  #state: ReplicaState;
  #generationStamp: number;
  #numBytes: number;
  #visibleBytes: number;
  #lastChecksum: Buffer | undefined;

  /** `block.numBytes` is what the data file holds, `visibleBytes` how much of it readers may see. */
  constructor(
    block: Block,
    state: 'TEMPORARY' | 'RBW' | 'RWR',
    volume: number,
    reservedBytes = 0,
    visibleBytes = block.numBytes,
  ) {
    this.blockId = block.blockId;
    this.volume = volume;
    this.reservedBytes = reservedBytes;
    this.#state = state;
    this.#generationStamp = block.generationStamp;
    this.#numBytes = block.numBytes;
    this.#visibleBytes = visibleBytes;
  }

  get state(): ReplicaState {
    return this.#state;
  }

  get generationStamp(): number {
    return this.#generationStamp;
  }

  /** Bytes in the data file whose checksums are in the meta file. */
  get numBytes(): number {
    return this.#numBytes;
  }

  get visibleBytes(): number {
    return this.#visibleBytes;
  }

  /**
   * The checksum of the last chunk when {@link numBytes} ends within it. The one in the meta file may already be that
   * of a longer chunk when a reader gets there, and would not fit the bytes that the reader may see.
   */
  get lastChecksum(): Buffer | undefined {
    return this.#lastChecksum;
  }

  /**
   * The files hold `numBytes` now. May be less than before, when a rebuilt pipeline takes back what was not
   * acknowledged.
   */
  wrote(numBytes: number, lastChecksum: Buffer | undefined): void {
    this.#numBytes = numBytes;
    this.#lastChecksum = lastChecksum;
    this.#visibleBytes = Math.min(this.#visibleBytes, numBytes);
  }

  /** All DataNodes from here on down the pipeline have the first `bytes`. */
  acknowledged(bytes: number): void {
    this.#visibleBytes = Math.max(this.#visibleBytes, Math.min(bytes, this.#numBytes));
  }

  /** Has a newer stamp, whatever its state. */
  restamped(generationStamp: number): void {
    this.#generationStamp = generationStamp;
  }

  /** Goes on as RBW in a rebuilt pipeline. */
  recovered(generationStamp: number): void {
    this.#becomeRbw();
    this.#generationStamp = generationStamp;
  }

  /** A copy of what a pipeline has acknowledged is RBW from now on. */
  joinedPipeline(): void {
    this.#becomeRbw();
    this.#visibleBytes = this.#numBytes;
  }

  #becomeRbw(): void {
    requireTransition(this, 'RBW');
    this.#state = 'RBW';
  }
}
