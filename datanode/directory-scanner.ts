/**
 * Compares from time to time what lies in finalized/ of each volume with what is known of it: somebody may have removed, cut or put back files,
 * and a file system that was repaired may have lost some. (HDFS's DirectoryScanner.) Files may also have been left where nobody looks for
 * them, in rbw/ and tmp/ as well, when the disk failed in the middle of moving or removing them.
 *
 * HDFS compares two lists, and looks again at what differs. We look at every block under its lock, at its files and at what is known of it
 * in one step, so that no write, append or deletion can come in between and nothing has to be looked at twice.
 */
import { blockName } from '../common/block.js';
import type { Clock } from '../common/clock.js';
import { MAX_TIMER_MS, sleep } from '../common/clock.js';
import { messageOf } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import type { Random } from '../common/random.js';
import type { ReplicaDirectory } from './disk/layout.js';
import { SUBDIRECTORY_COUNT, subdirectoryIndex } from './disk/layout.js';
import type { BlockNames } from './disk/replica-inspection.js';
import { ReplicaInspection } from './disk/replica-inspection.js';
import type { Volume } from './disk/volume.js';
import type { Replica } from './replica.js';
import { blockOf } from './replica-catalog.js';
import type { Finding } from './replica-reconciliation.js';
import { reconcile } from './replica-reconciliation.js';
import { directoryOf, type ReplicaStore } from './replica-store.js';
import { SHARD_COUNT } from './replica-table.js';

export interface DirectoryScannerOptions {
  readonly store: ReplicaStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** `dfs.datanode.directoryscan.interval` */
  readonly intervalMs: number;
}

/** What a scan did about a volume. */
export interface DirectoryScanCounts {
  looked: number;
  missing: number;
  corrupt: number;
  unknown: number;
  debris: number;
}

/** Shards of the table gone through before others get a turn. */
const SHARDS_PER_SLICE = 16;
/** After so many blocks the disk is left to others for a moment. */
const BLOCKS_PER_SLICE = 200;
const PAUSE_MS = 10;
/** Debris remembered from one scan to the next; more is put aside by later scans. */
const MAX_DEBRIS = 10_000;

const NO_NAMES: BlockNames = { hasData: false, stamps: [] };

export class DirectoryScanner {
  readonly #options: DirectoryScannerOptions;
  /** Blocks of whose files the last scan could make nothing, by volume. */
  readonly #debris = new Map<Volume, ReadonlySet<number>>();
  #lastEndedMs: number | undefined;

  constructor(options: DirectoryScannerOptions) {
    this.#options = options;
  }

  /** Wall-clock time at which a scan of all volumes last ended; undefined: never. */
  get lastEndedMs(): number | undefined {
    return this.#lastEndedMs;
  }

  /** Runs until the signal aborts; not all DataNodes at the same moment. Does not throw. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, intervalMs } = this.#options;
    let waitMs = intervalMs * random.fraction();
    for (;;) {
      await sleep(clock, Math.min(waitMs, MAX_TIMER_MS), signal).catch(() => {});
      if (signal.aborted) return;
      await this.#scanAll(signal);
      waitMs = intervalMs;
    }
  }

  async #scanAll(signal: AbortSignal): Promise<void> {
    const { store, clock, logger } = this.#options;
    for (const volume of store.volumes.all) {
      if (volume.failed) continue;
      try {
        await this.scan(volume, signal);
      } catch (error) {
        if (signal.aborted) return;
        logger.error({ volume: volume.layout.root, reason: messageOf(error) }, 'the directories cannot be compared');
        store.volumes.suspect(volume, error);
      }
    }
    this.#lastEndedMs = clock.now();
  }

  /** Compares one volume. @throws whatever the disk throws, and the signal's reason. */
  async scan(volume: Volume, signal: AbortSignal): Promise<DirectoryScanCounts> {
    const { store, clock, logger } = this.#options;
    const scan = new Scan({ volume, store, logger, oldDebris: this.#debris.get(volume) ?? new Set() });
    const known = await this.#knownBlocks(volume, signal);
    for (let subdirectory = 0; subdirectory < SUBDIRECTORY_COUNT; subdirectory++) {
      const names = await scan.inspection.namesIn(subdirectory);
      for (const blockId of known[subdirectory] ?? []) if (!names.has(blockId)) names.set(blockId, NO_NAMES);
      for (const [blockId, found] of names) {
        await scan.compare(blockId, found);
        if (scan.counts.looked % BLOCKS_PER_SLICE === 0) await sleep(clock, PAUSE_MS, signal);
      }
      signal.throwIfAborted();
    }
    for (const kind of ['rbw', 'tmp'] as const) {
      for (const [blockId, names] of await scan.inspection.namesOfUnfinished(kind))
        await scan.compareUnfinished(kind, blockId, names);
    }
    this.#debris.set(volume, scan.debris);
    logger.info({ volume: volume.layout.root, ...scan.counts }, 'the directories were compared with what is known');
    return scan.counts;
  }

  /** Ids of the finalized replicas that the volume should have, by subdirectory: 8 MB for a million. */
  async #knownBlocks(volume: Volume, signal: AbortSignal): Promise<number[][]> {
    const { store, clock } = this.#options;
    const known: number[][] = Array.from({ length: SUBDIRECTORY_COUNT }, () => []);
    for (let shard = 0; shard < SHARD_COUNT; shard++) {
      for (const { blockId, volume: index } of store.catalog.finalizedShard(shard)) {
        if (index === volume.index) known[subdirectoryIndex(blockId)]?.push(blockId);
      }
      if (shard % SHARDS_PER_SLICE === SHARDS_PER_SLICE - 1) await sleep(clock, 0, signal);
    }
    return known;
  }
}

interface ScanOptions {
  readonly volume: Volume;
  readonly store: ReplicaStore;
  readonly logger: Logger;
  readonly oldDebris: ReadonlySet<number>;
}

/** One scan of one volume. */
class Scan {
  readonly inspection: ReplicaInspection;
  readonly counts: DirectoryScanCounts = { looked: 0, missing: 0, corrupt: 0, unknown: 0, debris: 0 };
  readonly debris = new Set<number>();
  readonly #options: ScanOptions;

  constructor(options: ScanOptions) {
    this.#options = options;
    this.inspection = new ReplicaInspection(options.volume);
  }

  async compare(blockId: number, names: BlockNames): Promise<void> {
    const { store, volume } = this.#options;
    this.counts.looked++;
    await store.locks.run(blockId, async () => {
      if (volume.failed || store.beingDeleted.has(blockId) || store.catalog.inPipeline(blockId) !== undefined) return;
      const known = store.catalog.finalized(blockId);
      if (known !== undefined && known.volume !== volume.index) {
        // Another volume has the block, and a newer replica of it. (Any other one is left to the next start.)
        if ((names.stamps[0] ?? 0) < known.generationStamp) await this.#putAside('finalized', blockId, names);
        return;
      }
      if (volume.isJournalled(blockId)) return; // its files are still to come
      const generationStamp = known === undefined ? names.stamps[0] : known.generationStamp;
      const finding = reconcile(known, await this.inspection.look(blockId, generationStamp));
      await this.#act(finding, { blockId, generationStamp: generationStamp ?? 0 }, known, names);
      if (known !== undefined) await this.#removeOldMeta(known, names);
    });
  }

  /** As at start-up: of a replica that this one has taken the place of only the meta file is left, as that has another name. */
  async #removeOldMeta({ blockId, generationStamp }: Replica, { stamps }: BlockNames): Promise<void> {
    const { disk, layout } = this.#options.volume;
    for (const stamp of stamps) {
      if (stamp < generationStamp) await disk.remove(layout.metaFile('finalized', blockId, stamp));
    }
  }

  /** Of a replica that is being written on this volume, or of one that is finished or forgotten and could not be removed. */
  async compareUnfinished(kind: 'rbw' | 'tmp', blockId: number, names: BlockNames): Promise<void> {
    const { store, volume } = this.#options;
    await store.locks.run(blockId, async () => {
      const unfinished = store.catalog.inPipeline(blockId);
      const isKnown = unfinished?.volume === volume.index && directoryOf(unfinished) === kind;
      if (isKnown || volume.failed || store.beingDeleted.has(blockId)) return;
      if (kind === 'rbw') await this.#putAside('rbw', blockId, names);
      else await this.#removeCopy(blockId, names);
    });
  }

  /** As at start-up: an unfinished copy is of no use to anybody. */
  async #removeCopy(blockId: number, { stamps }: BlockNames): Promise<void> {
    const { disk, layout } = this.#options.volume;
    this.counts.debris++;
    await disk.remove(layout.dataFile('tmp', blockId));
    for (const stamp of stamps) await disk.remove(layout.metaFile('tmp', blockId, stamp));
  }

  async #act(
    finding: Finding,
    block: { readonly blockId: number; readonly generationStamp: number },
    known: Replica | undefined,
    names: BlockNames,
  ): Promise<void> {
    const { store, volume, logger } = this.#options;
    const context = { block: blockName(block), volume: volume.layout.root };
    switch (finding.kind) {
      case 'asKnown':
        return;
      case 'missing':
        if (known !== undefined) await this.#forget(known);
        return;
      case 'corrupt':
        this.counts.corrupt++;
        logger.error({ ...context, reason: finding.reason }, 'a finalized replica is damaged');
        if (known !== undefined) store.catalog.foundCorrupt(blockOf(known), volume.storageId);
        return;
      case 'unknown':
        this.counts.unknown++;
        logger.warn(context, 'a replica that was not known has been found; it is taken in');
        store.catalog.appeared({ ...block, numBytes: finding.numBytes }, volume);
        store.onSuspect(block.blockId);
        return;
      case 'debris':
        await this.#putAside('finalized', block.blockId, names);
        return;
    }
  }

  async #forget(replica: Replica): Promise<void> {
    const { store, volume, logger } = this.#options;
    if (!(await this.inspection.isStillThere())) {
      throw new Error(`${volume.layout.root} is not the directory of this volume any more; is its disk mounted?`);
    }
    this.counts.missing++;
    logger.error(
      { block: blockName(replica), volume: volume.layout.root },
      'the data file of a finalized replica has gone; the NameNode has the block copied',
    );
    await volume.remove('finalized', replica);
    store.catalog.deletedFinalized(replica, volume);
  }

  /** Only what was there at the scan before as well: somebody may be putting files in place just now. */
  async #putAside(directory: ReplicaDirectory, blockId: number, names: BlockNames): Promise<void> {
    const { volume, logger, oldDebris } = this.#options;
    this.counts.debris++;
    if (!oldDebris.has(blockId)) {
      if (this.debris.size < MAX_DEBRIS) this.debris.add(blockId);
      return;
    }
    const context = { blockId, directory, volume: volume.layout.root };
    logger.warn(context, 'files that make no replica were put into quarantine');
    await this.inspection.quarantine(directory, blockId, names);
  }
}
