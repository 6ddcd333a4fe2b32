/**
 * Verifies the finalized replicas of one volume against their checksums, slowly and for ever, and tells the NameNode of those that are
 * damaged: bits that turn over at rest are found before the last good replica is needed. In what order: block-scanner.ts.
 */
import type { Block } from '../common/block.js';
import { blockName } from '../common/block.js';
import type { Clock } from '../common/clock.js';
import { MAX_TIMER_MS, sleep } from '../common/clock.js';
import { isDfsError, messageOf, osErrorCode } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import { Alarm } from './alarm.js';
import type { ScanStep } from './block-scanner.js';
import { BlockScanner } from './block-scanner.js';
import { verifySlices } from './disk/replica-verification.js';
import { readScanCursor, writeScanCursor } from './disk/scan-cursor.js';
import type { Volume } from './disk/volume.js';
import type { Replica } from './replica.js';
import { blockOf } from './replica-catalog.js';
import type { ReadableReplica, ReplicaStore } from './replica-store.js';
import { Throttle } from './throttle.js';

export interface VolumeScannerOptions {
  readonly store: ReplicaStore;
  readonly volume: Volume;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `dfs.block.scanner.volume.bytes.per.second`, more than 0. */
  readonly bytesPerSecond: number;
  /** `dfs.datanode.scan.period.hours` */
  readonly periodMs: number;
}

export interface ScanCounts {
  readonly replicas: number;
  readonly bytes: number;
  readonly corrupt: number;
}

/** To open two files costs a disk about as much time as to read so many bytes. */
const OPEN_COST_BYTES = 32 * 1024;
const MIN_BURST_BYTES = 256 * 1024;
const CURSOR_INTERVAL_MS = 60_000;
/** A disk that cannot read a sector is asked again: once corrupt, a replica is given up, and it may be the only one. */
const READ_ATTEMPTS = 3;
const READ_AGAIN_AFTER_MS = 200;

export class VolumeScanner {
  readonly #options: VolumeScannerOptions;
  readonly #alarm: Alarm;
  readonly #throttle: Throttle;
  readonly #cursorPath: string;
  #scanner: BlockScanner;
  #savedMs: number;
  #isSaved = true;
  #replicas = 0;
  #bytes = 0;
  #corrupt = 0;

  constructor(options: VolumeScannerOptions) {
    const { volume, clock, bytesPerSecond } = options;
    this.#options = options;
    this.#alarm = new Alarm(clock);
    this.#throttle = new Throttle(bytesPerSecond, Math.max(MIN_BURST_BYTES, bytesPerSecond), clock.monotonicMs());
    this.#savedMs = clock.monotonicMs();
    this.#cursorPath = volume.layout.scannerCursor;
    this.#scanner = this.#newScanner();
  }

  get volume(): Volume {
    return this.#options.volume;
  }

  /** Since the process started. */
  get counts(): ScanCounts {
    return { replicas: this.#replicas, bytes: this.#bytes, corrupt: this.#corrupt };
  }

  /** Wall-clock time at which all replicas had last been verified; undefined: never. */
  get lastPassEndedMs(): number | undefined {
    return this.#scanner.state.lastPassEndedMs;
  }

  /** The replica could not be read, or its reader complained: it is verified next. */
  suspect(blockId: number): void {
    if (this.#scanner.suspect(blockId, this.#options.clock.now())) this.#alarm.ring();
  }

  /** Runs until the signal aborts or the volume fails. Does not throw. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#resume();
    while (!signal.aborted && !this.volume.failed) {
      await this.#carryOut(this.#scanner.next(this.#options.clock.now()), signal);
      await this.#saveWhenDue();
    }
    await this.#save();
  }

  #newScanner(state?: BlockScanner['state']): BlockScanner {
    const { store, volume, periodMs } = this.#options;
    function* idsOfShard(shard: number): Generator<number> {
      for (const replica of store.catalog.finalizedShard(shard)) {
        if (replica.volume === volume.index) yield replica.blockId;
      }
    }
    return new BlockScanner({ periodMs, idsOfShard, state });
  }

  async #resume(): Promise<void> {
    const { store, volume, logger } = this.#options;
    try {
      const state = await readScanCursor(volume.disk, this.#cursorPath, logger);
      if (state !== undefined) this.#scanner = this.#newScanner(state);
    } catch (error) {
      logger.warn({ file: this.#cursorPath, reason: messageOf(error) }, 'the block scan begins anew');
      store.volumes.suspect(volume, error);
    }
  }

  async #carryOut(step: ScanStep, signal: AbortSignal): Promise<void> {
    switch (step.kind) {
      case 'scan':
        this.#isSaved = false;
        await this.#scan(step.blockId, signal);
        return;
      case 'yield':
        await this.#rest(0, signal);
        return;
      case 'passEnded':
        this.#isSaved = false;
        this.#logPass(step.durationMs);
        return;
      case 'wait':
        await this.#saveBeforeWait(step.delayMs, signal);
        return;
    }
  }

  #logPass(durationMs: number): void {
    const { logger, volume, periodMs } = this.#options;
    const seconds = Math.round(durationMs / 1000);
    logger.info({ volume: volume.layout.root, seconds, ...this.counts }, 'all replicas of the volume were verified');
    if (durationMs <= periodMs) return;
    logger.warn(
      { volume: volume.layout.root, seconds },
      'the block scan took longer than dfs.datanode.scan.period.hours; raise dfs.block.scanner.volume.bytes.per.second',
    );
  }

  async #scan(blockId: number, signal: AbortSignal): Promise<void> {
    const replica = this.#current(blockId);
    if (replica === undefined) return;
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#verify(replica, signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (osErrorCode(error) !== 'EIO' || attempt === READ_ATTEMPTS) {
          await this.#judge(replica, error);
          return;
        }
      }
      await this.#rest(READ_AGAIN_AFTER_MS, signal);
    }
  }

  /** The replica if the scan has something to do with it. */
  #current(blockId: number): Replica | undefined {
    const { store, volume } = this.#options;
    const replica = store.catalog.finalized(blockId);
    const isOurs = replica?.volume === volume.index && !volume.failed && !store.beingDeleted.has(blockId);
    return isOurs ? replica : undefined;
  }

  async #verify(replica: Replica, signal: AbortSignal): Promise<void> {
    const opened = await this.#options.store.openForRead(replica);
    try {
      await this.#pay(OPEN_COST_BYTES, signal);
      // It may have been taken back for append before it was opened.
      if (!this.#isUnchanged(opened.block)) return;
      await this.#verifyOpened(opened, signal);
    } finally {
      await opened.files.close();
    }
  }

  async #verifyOpened({ block, files }: ReadableReplica, signal: AbortSignal): Promise<void> {
    for await (const bytes of verifySlices(files, block.numBytes)) {
      this.#bytes += bytes;
      await this.#pay(bytes, signal);
      if (!this.#isUnchanged(block)) return;
    }
    this.#replicas++;
  }

  #isUnchanged({ blockId, generationStamp, numBytes }: Block): boolean {
    const now = this.#current(blockId);
    return now !== undefined && now.generationStamp === generationStamp && now.numBytes === numBytes;
  }

  /** A replica is reported as corrupt only if nobody has changed or deleted it while it was read. */
  async #judge(replica: Replica, error: unknown): Promise<void> {
    const { store, volume, logger } = this.#options;
    const isDamaged = isDfsError(error, 'Corrupt') || osErrorCode(error) === 'EIO';
    const context = { block: blockName(replica), volume: volume.layout.root, reason: messageOf(error) };
    if (!isDfsError(error)) store.volumes.suspect(volume, error);
    await store.locks.run(replica.blockId, async () => {
      if (!this.#isUnchanged(replica)) return;
      if (!isDamaged) {
        logger.warn(context, 'a replica could not be verified');
        return;
      }
      this.#corrupt++;
      logger.error(context, 'the block scan found a damaged replica');
      store.catalog.foundCorrupt(blockOf(replica), volume.storageId);
    });
  }

  async #pay(bytes: number, signal: AbortSignal): Promise<void> {
    const restMs = this.#throttle.take(bytes, this.#options.clock.monotonicMs());
    if (restMs > 0) await this.#rest(restMs, signal);
    signal.throwIfAborted();
  }

  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    await sleep(this.#options.clock, ms, signal).catch(() => {});
  }

  /** What changed last is not lost for the sake of a few seconds when there is nothing to do for long. */
  async #saveBeforeWait(delayMs: number, signal: AbortSignal): Promise<void> {
    const untilSaveMs = this.#isSaved ? MAX_TIMER_MS : Math.max(1, this.#untilSaveMs());
    await this.#alarm.wait(0, Math.min(delayMs, untilSaveMs, MAX_TIMER_MS), signal);
  }

  #untilSaveMs(): number {
    return this.#savedMs + CURSOR_INTERVAL_MS - this.#options.clock.monotonicMs();
  }

  async #saveWhenDue(): Promise<void> {
    if (!this.#isSaved && this.#untilSaveMs() <= 0) await this.#save();
  }

  async #save(): Promise<void> {
    const { store, volume, clock, logger } = this.#options;
    if (this.#isSaved || volume.failed) return;
    this.#isSaved = true;
    this.#savedMs = clock.monotonicMs();
    try {
      await writeScanCursor(volume.disk, this.#cursorPath, this.#scanner.state);
    } catch (error) {
      logger.warn({ file: this.#cursorPath, reason: messageOf(error) }, 'the place of the block scan is not saved');
      store.volumes.suspect(volume, error);
    }
  }
}
