/** After a crash: gives the replicas of a journal (replica-journal.ts) files of their own, before anything else looks at the volume. */
import { join } from 'node:path';
import type { Disk } from '../../common/disk.js';
import { osErrorCode } from '../../common/errors.js';
import type { Logger } from '../../common/logging.js';
import { parseReplicaFileName } from '../../common/replica-file-name.js';
import { readRecords, type WholeReplica } from './journal-record.js';
import { parseSegmentName, segmentName, type VolumeLayout } from './layout.js';
import { filesOf } from './replica-journal.js';

export interface JournalReplayOptions {
  readonly disk: Disk;
  readonly layout: VolumeLayout;
  readonly logger: Logger;
  readonly makeDirectoryFor: (blockId: number) => Promise<void>;
}

/**
 * May be cut off and repeated. A replica of which the volume has a newer one, finished or not, was changed after it had got its files: that one
 * counts. Files under the same stamp are written again, as a crash may have spoilt them; they held the same.
 * @throws the operating system's errors.
 */
export async function replayJournal(options: JournalReplayOptions): Promise<void> {
  const { disk, layout, logger } = options;
  const numbers = (await disk.list(layout.journal)).flatMap(({ name }) => parseSegmentName(name) ?? []);
  const newest = new NewestStamps(disk, layout);
  for (const number of numbers.sort((a, b) => a - b)) {
    const path = join(layout.journal, segmentName(number));
    const { replicas, damagedBytes } = readRecords(await contentsOf(disk, path));
    const wanted: WholeReplica[] = [];
    for (const replica of replicas) {
      if ((await newest.of(replica.block.blockId)) <= replica.block.generationStamp) wanted.push(replica);
    }
    for (const { block } of wanted) await options.makeDirectoryFor(block.blockId);
    await disk.writeWholeFiles(wanted.flatMap((replica) => filesOf(layout, replica)));
    await disk.remove(path);
    const counts = { replicas: replicas.length, superseded: replicas.length - wanted.length, damagedBytes };
    logger.info({ segment: path, ...counts }, 'small replicas were taken from their journal');
  }
}

/** The newest stamp under which a volume has files of a block. */
class NewestStamps {
  readonly #disk: Disk;
  readonly #layout: VolumeLayout;
  /** By directory, then by block. */
  readonly #known = new Map<string, ReadonlyMap<number, number>>();

  constructor(disk: Disk, layout: VolumeLayout) {
    this.#disk = disk;
    this.#layout = layout;
  }

  /** 0 when there is none. */
  async of(blockId: number): Promise<number> {
    const directories = [this.#layout.rbw, this.#layout.directory('finalized', blockId)];
    const stamps = await Promise.all(
      directories.map(async (directory) => (await this.#in(directory)).get(blockId) ?? 0),
    );
    return Math.max(...stamps);
  }

  async #in(directory: string): Promise<ReadonlyMap<number, number>> {
    const known = this.#known.get(directory);
    if (known !== undefined) return known;
    const stamps = new Map<number, number>();
    for (const name of await this.#list(directory)) {
      const file = parseReplicaFileName(name);
      if (file?.kind !== 'meta') continue;
      stamps.set(file.blockId, Math.max(file.generationStamp, stamps.get(file.blockId) ?? 0));
    }
    this.#known.set(directory, stamps);
    return stamps;
  }

  async #list(directory: string): Promise<string[]> {
    try {
      return (await this.#disk.list(directory)).map(({ name }) => name);
    } catch (error) {
      if (osErrorCode(error) === 'ENOENT') return [];
      throw error;
    }
  }
}

async function contentsOf(disk: Disk, path: string): Promise<Buffer> {
  const file = await disk.open(path, 'read');
  try {
    const bytes = Buffer.allocUnsafe(await file.size());
    return bytes.subarray(0, await file.read(bytes, 0));
  } finally {
    await file.close();
  }
}
