/** Replicas on a disk, without a network. */
import type { Block } from '../../../common/block.js';
import type { ChecksumSpec } from '../../../common/checksum.js';
import { computeChecksums } from '../../../common/checksum.js';
import { type Clock, systemClock } from '../../../common/clock.js';
import type { Disk } from '../../../common/disk.js';
import { createLogger } from '../../../common/logging.js';
import type { ReceivedPacket } from '../../../common/packet.js';
import { seededRandom } from '../../../common/random.js';
import { MOVED_AT_AGE } from '../../../datanode/disk/replica-journal.js';
import { VolumeSet } from '../../../datanode/disk/volume-set.js';
import { PacketWriter } from '../../../datanode/packet-writer.js';
import type { ReplicaEvents } from '../../../datanode/replica-catalog.js';
import { ReplicaCatalog } from '../../../datanode/replica-catalog.js';
import type { ReadableReplica, WritableReplica } from '../../../datanode/replica-store.js';
import { ReplicaStore } from '../../../datanode/replica-store.js';
import { FakeClock } from '../../support/fake-clock.js';

export const quiet = createLogger({ name: 'test', level: 'silent' });

/** Chunks of two sectors: small, so that small blocks have many, and large enough to be torn. */
export const CHECKSUM: ChecksumSpec = { type: 'CRC32C', bytesPerChecksum: 1024 };

export const nobody = { stop: async (): Promise<void> => {} };

/** Notes events as `received blk_1_1 10`. */
export class NotedEvents implements ReplicaEvents {
  readonly notes: string[] = [];
  receiving = (block: Block): void => this.#note('receiving', block);
  received = (block: Block): void => this.#note('received', block);
  deleted = (block: Block): void => this.#note('deleted', block);
  corrupt = (block: Block): void => this.#note('corrupt', block);

  #note(kind: string, { blockId, generationStamp, numBytes }: Block): void {
    this.notes.push(`${kind} ${blockId}_${generationStamp} ${numBytes}`);
  }
}

export interface StoreOptions {
  readonly roots?: readonly string[];
  readonly syncOnClose?: boolean;
  readonly failedVolumesTolerated?: number;
  readonly reservedBytes?: number;
  readonly journalBytes?: number;
  readonly clock?: Clock;
}

export interface StoreFixture {
  readonly store: ReplicaStore;
  readonly events: NotedEvents;
}

/** What a start of a DataNode does before it serves. */
export async function openStore(disk: Disk, options: StoreOptions = {}): Promise<StoreFixture> {
  const { roots = ['/data'], syncOnClose = true, failedVolumesTolerated = 0, reservedBytes = 0 } = options;
  const { journalBytes = 1024 ** 2, clock = new FakeClock() } = options;
  const volumes = await VolumeSet.open({
    disk,
    clock,
    random: seededRandom(1),
    logger: quiet,
    lockDirectory: async () => ({ release: () => {} }),
    roots,
    directoryMode: 0o700,
    reservedBytes,
    failedVolumesTolerated,
    journalBytes,
  });
  await volumes.joinCluster('CID-test');
  const events = new NotedEvents();
  const catalog = new ReplicaCatalog(volumes, events);
  const store = new ReplicaStore({ volumes, catalog, logger: quiet, syncOnClose });
  await store.load(0);
  return { store, events };
}

/** Gives all replicas in the journals files of their own, as time does. */
export async function moveFromJournals({ volumes }: ReplicaStore): Promise<void> {
  for (const volume of volumes.all) for (let age = 0; age < MOVED_AT_AGE; age++) await volume.moveOldFromJournal();
}

/** The bytes that a test's block consists of, different for each block. */
export function contentOf(blockId: number, length: number): Buffer {
  return seededRandom(blockId).bytes(length);
}

/** A packet as it comes from a writer that has `content` to write. */
export function packetOf(content: Buffer, offset: number, end: number, sync = false): ReceivedPacket {
  const data = content.subarray(offset, end);
  const checksums = computeChecksums(CHECKSUM, [data]);
  return {
    offsetInBlock: offset,
    seqno: 0,
    last: false,
    sync,
    checksums,
    data: [data],
    dataLength: data.length,
    wire: [],
    release: () => {},
  };
}

export function packetWriter(store: ReplicaStore, writable: WritableReplica): PacketWriter {
  return new PacketWriter(store, writable, { clock: systemClock, maxPendingBytes: 64 * 1024, syncBehindBytes: 4096 });
}

export function newReplica(expectedBytes = 0): {
  storageId: string;
  checksum: ChecksumSpec;
  expectedBytes: number;
  writer: typeof nobody;
} {
  return { storageId: '', checksum: CHECKSUM, expectedBytes, writer: nobody };
}

/** Writes a whole block in one packet and finalizes it. */
export async function writeBlock(store: ReplicaStore, block: Block): Promise<Buffer> {
  const content = contentOf(block.blockId, block.numBytes);
  const writable = await store.createRbw(block, newReplica());
  const writer = packetWriter(store, writable);
  if (content.length > 0) await writer.write(packetOf(content, 0, content.length));
  await writer.flush();
  await store.finalize(writable);
  return content;
}

/** All bytes of a replica that a reader may see; closes it. */
export async function readAll(replica: ReadableReplica): Promise<Buffer> {
  const bytes = Buffer.alloc(replica.visibleBytes);
  await replica.files.readData(bytes, 0);
  await replica.files.close();
  return bytes;
}

/** Whether two buffers are equal, in words. (To compare them value by value takes AVA seconds for a megabyte.) */
export function sameBytes(actual: Buffer | undefined, expected: Buffer): string {
  if (actual === undefined) return 'there are none';
  if (actual.equals(expected)) return 'same';
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  return `${actual.length} bytes instead of ${expected.length}, different from offset ${at < 0 ? actual.length : at} on`;
}
