/**
 * What is known of all replicas of a DataNode: the replicas by block, the number and digest of the finalized ones on each volume, the space
 * they take, and what the NameNode is told of them. These change here together, each change in one synchronous step, so that
 * they never contradict each other. The files follow (replica-store.ts) or went before.
 */
import type { Block } from '../common/block.js';
import { ReplicaDigest } from '../common/replica-digest.js';
import type { Volume } from './disk/volume.js';
import type { VolumeSet } from './disk/volume-set.js';
import type { Replica } from './replica.js';
import { requireTransition } from './replica.js';
import type { ReplicaInPipeline } from './replica-in-pipeline.js';
import type { StoredReplica } from './replica-table.js';
import { ReplicaTable, SHARD_COUNT } from './replica-table.js';

/** What the NameNode wants to hear of. */
export interface ReplicaEvents {
  /** A client began to write a replica, or to append to it. */
  receiving(block: Block, storageId: string): void;
  /** A replica was finalized. */
  received(block: Block, storageId: string): void;
  /** A replica that was finalized, or that a client wrote, is not there any more. */
  deleted(block: Block, storageId: string): void;
  /** A finalized replica cannot be read, or not with the right checksums. */
  corrupt(block: Block, storageId: string): void;
}

export interface VolumeSummary {
  /** Number of finalized replicas, and their digest, as they were reported (or are about to be, in ReplicaEvents). */
  readonly replicas: number;
  readonly digest: Buffer;
}

export type StorageSummaries = ReadonlyMap<string, VolumeSummary>;

class VolumeCount {
  replicas = 0;
  digest = new ReplicaDigest();

  add(block: Block): void {
    this.replicas++;
    this.digest.add(block);
  }

  remove(block: Block): void {
    this.replicas--;
    this.digest.remove(block);
  }
}

export class ReplicaCatalog {
  readonly #volumes: VolumeSet;
  readonly #events: ReplicaEvents;
  readonly #finalized = new ReplicaTable();
  readonly #inPipeline = new Map<number, ReplicaInPipeline>();
  readonly #counts: readonly VolumeCount[];
  /** Ids of the recoveries that have a replica, by block. */
  readonly #recoveryIds = new Map<number, number>();

  constructor(volumes: VolumeSet, events: ReplicaEvents) {
    this.#volumes = volumes;
    this.#events = events;
    this.#counts = volumes.all.map(() => new VolumeCount());
  }

  get(blockId: number): Replica | undefined {
    return this.#inPipeline.get(blockId) ?? this.finalized(blockId);
  }

  finalized(blockId: number): Replica | undefined {
    const stored = this.#finalized.get(blockId);
    return stored && { ...stored, state: 'FINALIZED', visibleBytes: stored.numBytes };
  }

  inPipeline(blockId: number): ReplicaInPipeline | undefined {
    return this.#inPipeline.get(blockId);
  }

  get finalizedCount(): number {
    return this.#finalized.size;
  }

  allInPipeline(): IterableIterator<ReplicaInPipeline> {
    return this.#inPipeline.values();
  }

  /** One of SHARD_COUNT slices of the finalized replicas, in no order. */
  finalizedShard(index: number): Iterable<StoredReplica> {
    return this.#finalized.shard(index);
  }

  summary(volume: Volume): VolumeSummary {
    const { replicas, digest } = this.#countOf(volume.index);
    return { replicas, digest: digest.toBytes() };
  }

  /** The same for all volumes, by storage. */
  summaries(): StorageSummaries {
    return new Map(this.#volumes.all.map((volume) => [volume.storageId, this.summary(volume)]));
  }

  // ---- Start-up: nothing is reported, the digest of the whole follows -----------------------------------------------------------------

  /** False when another volume has a replica of the block already. */
  foundFinalized(block: Block, volume: Volume): boolean {
    if (this.get(block.blockId) !== undefined) return false;
    this.#addFinalized(block, volume.index);
    volume.addUsed(block.numBytes);
    return true;
  }

  /** Another volume has a better replica than the one that was found first. */
  foundBetter(old: StoredReplica, oldVolume: Volume, block: Block, volume: Volume): void {
    this.foundOld(old, oldVolume);
    this.foundFinalized(block, volume);
  }

  /** A finalized replica was found first, but there is a newer one. */
  foundOld(old: StoredReplica, volume: Volume): void {
    this.#removeFinalized(old);
    volume.addUsed(-old.numBytes);
  }

  /** As {@link foundFinalized}, for one that was being written when the DataNode stopped. */
  foundWaiting(replica: ReplicaInPipeline, volume: Volume): boolean {
    if (this.get(replica.blockId) !== undefined) return false;
    this.#inPipeline.set(replica.blockId, replica);
    volume.addUsed(replica.numBytes);
    return true;
  }

  /** A good replica that nobody knew of has been found while the DataNode runs. False as above. */
  appeared(block: Block, volume: Volume): boolean {
    if (!this.foundFinalized(block, volume)) return false;
    this.#events.received(block, volume.storageId);
    return true;
  }

  // ---- Writing ---------------------------------------------------------------------------------------------------------------

  /** The space for the replica has been set aside. */
  begun(replica: ReplicaInPipeline, volume: Volume): void {
    this.#inPipeline.set(replica.blockId, replica);
    if (replica.state === 'RBW') this.#events.receiving(blockOf(replica), volume.storageId);
  }

  /** The files of a replica that is being written hold more than before, or less. */
  wrote(replica: ReplicaInPipeline, volume: Volume, numBytes: number, lastChecksum: Buffer | undefined): void {
    const added = numBytes - replica.numBytes;
    replica.wrote(numBytes, lastChecksum);
    volume.addWritten(added);
    this.#release(replica, volume, Math.max(0, Math.min(added, replica.reservedBytes)));
  }

  /** Nobody writes to the replica any more: what was set aside for it is free again. */
  released(replica: ReplicaInPipeline, volume: Volume): void {
    replica.writer = undefined;
    this.#release(replica, volume, replica.reservedBytes);
  }

  becameFinalized(replica: ReplicaInPipeline, volume: Volume): Block {
    requireTransition(replica, 'FINALIZED');
    this.released(replica, volume);
    this.#inPipeline.delete(replica.blockId);
    const block = blockOf(replica);
    this.#addFinalized(block, volume.index);
    this.#events.received(block, volume.storageId);
    return block;
  }

  /** A replica has come as a whole, and is finalized. */
  tookIn(block: Block, volume: Volume): void {
    this.#addFinalized(block, volume.index);
    volume.addWritten(block.numBytes);
    this.#events.received(block, volume.storageId);
  }

  /** A finalized replica is appended to from now on. */
  reopened(old: Replica, replica: ReplicaInPipeline, volume: Volume): void {
    requireTransition(old, 'RBW');
    this.#removeFinalized(old);
    this.begun(replica, volume);
  }

  /** A replica in a rebuilt pipeline has a new stamp. */
  recovered(replica: ReplicaInPipeline, volume: Volume, generationStamp: number): void {
    replica.recovered(generationStamp);
    this.#events.receiving(blockOf(replica), volume.storageId);
  }

  /** A copy has all that its pipeline has acknowledged, and waits to go on with it. */
  joinedPipeline(replica: ReplicaInPipeline, volume: Volume): void {
    replica.joinedPipeline();
    this.released(replica, volume);
    this.#events.receiving(blockOf(replica), volume.storageId);
  }

  /** A finalized replica has a new stamp. */
  restamped(old: Replica, volume: Volume, generationStamp: number): Block {
    this.#removeFinalized(old);
    const block = { ...blockOf(old), generationStamp };
    this.#addFinalized(block, volume.index);
    this.#events.received(block, volume.storageId);
    return block;
  }

  /** Tells of all replicas that were begun and not finished: a NameNode that has just come to know this DataNode cannot know them. */
  announceUnfinished(): void {
    for (const replica of this.#inPipeline.values()) {
      if (replica.state === 'TEMPORARY') continue;
      this.#events.receiving(blockOf(replica), this.#volumes.get(replica.volume).storageId);
    }
  }

  // ---- Block recovery --------------------------------------------------------------------------------------------------------

  /** The id of the recovery that the replica belongs to; undefined when there is none. */
  recoveryIdOf(blockId: number): number | undefined {
    return this.#recoveryIds.get(blockId);
  }

  recoveryBegan(blockId: number, recoveryId: number): void {
    this.#recoveryIds.set(blockId, recoveryId);
  }

  /** Does nothing when a later recovery has the replica by now. */
  recoveryEnded(blockId: number, recoveryId: number): void {
    if (this.#recoveryIds.get(blockId) === recoveryId) this.#recoveryIds.delete(blockId);
  }

  // ---- Removing --------------------------------------------------------------------------------------------------------------

  droppedUnfinished(replica: ReplicaInPipeline, volume: Volume): void {
    if (this.#inPipeline.get(replica.blockId) !== replica) return;
    this.#inPipeline.delete(replica.blockId);
    this.#recoveryIds.delete(replica.blockId);
    this.released(replica, volume);
    volume.addUsed(-replica.numBytes);
    if (replica.state !== 'TEMPORARY') this.#events.deleted(blockOf(replica), volume.storageId);
  }

  deletedFinalized(replica: Replica, volume: Volume): void {
    this.#removeFinalized(replica);
    this.#recoveryIds.delete(replica.blockId);
    volume.addUsed(-replica.numBytes);
    this.#events.deleted(blockOf(replica), volume.storageId);
  }

  /** Tells the NameNode that the bytes of a finalized replica do not have their checksums, or are gone. */
  foundCorrupt(block: Block, storageId: string): void {
    this.#events.corrupt(block, storageId);
  }

  /**
   * The volume has failed: what it held is forgotten, and so does the NameNode, without being told of each replica. This takes some
   * milliseconds for each 100,000 replicas, once.
   */
  forget(volume: Volume): void {
    for (const replica of [...this.#inPipeline.values()]) {
      if (replica.volume === volume.index) this.droppedUnfinished(replica, volume);
    }
    for (let shard = 0; shard < SHARD_COUNT; shard++) {
      const lost = [...this.#finalized.shard(shard)].filter((replica) => replica.volume === volume.index);
      for (const replica of lost) this.#removeFinalized(replica);
    }
  }

  #addFinalized(block: Block, volume: number): void {
    this.#finalized.set({ ...block, volume });
    this.#countOf(volume).add(block);
  }

  #removeFinalized(replica: StoredReplica): void {
    this.#finalized.delete(replica.blockId);
    this.#countOf(replica.volume).remove(replica);
  }

  #release(replica: ReplicaInPipeline, volume: Volume, bytes: number): void {
    replica.reservedBytes -= bytes;
    volume.addPending(-bytes);
  }

  #countOf(volume: number): VolumeCount {
    const count = this.#counts[volume];
    if (count === undefined) throw new RangeError(`there is no volume ${volume}`);
    return count;
  }
}

/** Just the block of what may be more. */
export function blockOf({ blockId, generationStamp, numBytes }: Block): Block {
  return { blockId, generationStamp, numBytes };
}
