/** What a DataNode does against rot: the block scan of each volume, and the comparison of the directories with what is known. */
import type { Block } from '../common/block.js';
import type { Clock } from '../common/clock.js';
import { DfsError } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import type { Random } from '../common/random.js';
import { DirectoryScanner } from './directory-scanner.js';
import { blockOf } from './replica-catalog.js';
import type { ReplicaStore } from './replica-store.js';
import type { ScanCounts } from './volume-scanner.js';
import { VolumeScanner } from './volume-scanner.js';

export interface IntegritySettings {
  /** `dfs.block.scanner.volume.bytes.per.second`; 0: no block scan. */
  readonly scanBytesPerSecond: number;
  /** `dfs.datanode.scan.period.hours`; undefined: no block scan. */
  readonly scanPeriodMs: number | undefined;
  /** `dfs.datanode.directoryscan.interval`; undefined: never. */
  readonly directoryScanIntervalMs: number | undefined;
}

export interface IntegrityOptions {
  readonly store: ReplicaStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: IntegritySettings;
}

export interface IntegrityStatus extends ScanCounts {
  /** Wall-clock time at which each volume had been verified as a whole; undefined when one never was. */
  readonly lastPassEndedMs: number | undefined;
  readonly lastDirectoryScanMs: number | undefined;
}

export class Integrity {
  readonly #store: ReplicaStore;
  readonly #scanners: readonly VolumeScanner[];
  readonly #directories: DirectoryScanner | undefined;
  readonly #stopping = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor({ settings, ...shared }: IntegrityOptions) {
    const {
      scanBytesPerSecond: bytesPerSecond,
      scanPeriodMs: periodMs,
      directoryScanIntervalMs: intervalMs,
    } = settings;
    const { store } = shared;
    this.#store = store;
    this.#scanners =
      bytesPerSecond === 0 || periodMs === undefined
        ? []
        : store.volumes.all.map((volume) => new VolumeScanner({ ...shared, volume, bytesPerSecond, periodMs }));
    this.#directories = intervalMs === undefined ? undefined : new DirectoryScanner({ ...shared, intervalMs });
    store.onSuspect = (blockId) => this.#suspect(blockId);
  }

  start(): void {
    const { signal } = this.#stopping;
    const directories = this.#directories === undefined ? [] : [this.#directories];
    this.#running = Promise.all([...this.#scanners, ...directories].map((scanner) => scanner.run(signal)));
  }

  /** Breaks off what is being read; where each scan stands is kept. */
  async stop(): Promise<void> {
    this.#stopping.abort(new DfsError('Cancelled', 'The DataNode is stopping'));
    await this.#running;
  }

  /**
   * The NameNode was told that these replicas cannot be read. Each is verified, and reported if it is damaged. Where no scan runs that could do so, the
   * reader is believed.
   */
  verify(blocks: readonly Block[]): void {
    const { catalog, volumes } = this.#store;
    for (const { blockId, generationStamp } of blocks) {
      const replica = catalog.finalized(blockId);
      if (replica?.generationStamp !== generationStamp) continue;
      if (this.#scanners.length > 0) this.#suspect(blockId);
      else catalog.foundCorrupt(blockOf(replica), volumes.get(replica.volume).storageId);
    }
  }

  status(): IntegrityStatus {
    const sum = (count: keyof ScanCounts): number =>
      this.#scanners.reduce((total, { counts }) => total + counts[count], 0);
    return {
      replicas: sum('replicas'),
      bytes: sum('bytes'),
      corrupt: sum('corrupt'),
      lastPassEndedMs: this.#lastPassEndedMs(),
      lastDirectoryScanMs: this.#directories?.lastEndedMs,
    };
  }

  #lastPassEndedMs(): number | undefined {
    const ends = this.#scanners.filter(({ volume }) => !volume.failed).map(({ lastPassEndedMs }) => lastPassEndedMs);
    return ends.length === 0 || ends.includes(undefined) ? undefined : Math.min(...(ends as number[]));
  }

  #suspect(blockId: number): void {
    const volume = this.#store.catalog.finalized(blockId)?.volume;
    this.#scanners.find((scanner) => scanner.volume.index === volume)?.suspect(blockId);
  }
}
