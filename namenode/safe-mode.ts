/**
 * Safe mode: the namespace can be read, nothing is changed, nothing is copied or deleted. It is on
 * - at the start, until enough blocks have been found on DataNodes,
 * - when an administrator asks for it,
 * - when the NameNode's disk is nearly full.
 *
 * At the start HDFS waits for 99.9 % of the blocks and then 30 seconds more, for DataNodes that are late. We skip the rest of those seconds as soon
 * as every storage that is known from before has been confirmed: then nobody is late.
 *
 * Which blocks were found is counted over the rows of each storage when it is confirmed, in slices, each block with that one of its storages that
 * gives it its minimum.
 */
import type { Database } from 'better-sqlite3';
import { DfsError } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import type { SafeModeStatus } from './blocks.js';
import type { StorageDescriptor } from './datanode-descriptor.js';
import type { DatanodeManager } from './datanode-manager.js';
import { countFinishedBlocks, countSafeBlocks } from './storage/safe-block-rows.js';

export interface SafeModeSettings {
  /** dfs.namenode.safemode.threshold-pct */
  readonly threshold: number;
  /** dfs.namenode.safemode.min.datanodes */
  readonly minDatanodes: number;
  /** dfs.namenode.safemode.extension */
  readonly extensionMs: number;
  /** dfs.namenode.replication.min */
  readonly minReplication: number;
}

export interface SafeModeOptions {
  /** The read-only connection. */
  readonly committed: Database;
  readonly datanodes: DatanodeManager;
  readonly settings: SafeModeSettings;
  readonly logger: Logger;
}

/** Rows counted in one stretch: a few milliseconds. */
const ROWS_PER_SLICE = 1000;
/** When all is counted and it is still not enough, the count starts over: rows may have come since. */
const RECOUNT_AFTER_MS = 10_000;

interface Counting {
  /** Blocks that are to be found; undefined until they have been counted. */
  total: number | undefined;
  totalSoFar: number;
  totalAfter: number;
  /** Storages in the order in which they were confirmed; the first `counted` have been counted. */
  storages: StorageDescriptor[];
  counted: number;
  /** Position in the storage that is being counted. */
  after: number;
  safe: number;
  finishedMs: number | undefined;
}

export class SafeMode {
  readonly #options: SafeModeOptions;
  /** While the start is not over. */
  #counting: Counting | undefined = {
    total: undefined,
    totalSoFar: 0,
    totalAfter: 0,
    storages: [],
    counted: 0,
    after: 0,
    safe: 0,
    finishedMs: undefined,
  };
  /** When the conditions of the start were met. */
  #reachedMs: number | undefined;
  #lastTickMs = 0;
  #manual = false;
  #lowResources = '';

  constructor(options: SafeModeOptions) {
    this.#options = options;
  }

  get isOn(): boolean {
    return this.#counting !== undefined || this.#manual || this.#lowResources !== '';
  }

  /** Whether the blocks have been found, or an administrator has said not to wait for them. */
  get startIsOver(): boolean {
    return this.#counting === undefined;
  }

  status(): SafeModeStatus {
    return this.isOn ? { on: true, message: this.#message() } : { on: false, message: '' };
  }

  /** @throws DfsError when it is on: `StartupSafeMode` if it ends by itself once the DataNodes are back, else `SafeMode`. */
  requireOff(what: string): void {
    if (!this.isOn) return;
    const name = this.#manual || this.#lowResources !== '' ? 'SafeMode' : 'StartupSafeMode';
    throw new DfsError(name, `Cannot ${what}. Name node is in safe mode. ${this.#message()}`);
  }

  /** An administrator turns it on. */
  enter(): void {
    if (!this.#manual) this.#options.logger.warn('safe mode was turned on by an administrator');
    this.#manual = true;
  }

  /**
   * An administrator turns it off.
   * @throws DfsError `SafeMode` when the disk is nearly full, unless `force`d.
   */
  leave(force = false): void {
    if (this.#lowResources !== '' && !force) {
      throw new DfsError('SafeMode', `Safe mode stays on. ${this.#lowResources} Free some, or use forceExit.`);
    }
    if (this.isOn) this.#options.logger.warn({ force }, 'safe mode was turned off by an administrator');
    this.#manual = false;
    this.#lowResources = '';
    this.#counting = undefined;
  }

  /** The NameNode's disk is nearly full (`reason`: a sentence that says so), or is not any more (''). */
  setLowResources(reason: string): void {
    if (reason !== this.#lowResources) this.#options.logger.warn({ reason }, 'resources of the NameNode');
    this.#lowResources = reason;
  }

  /** Counts on for a few milliseconds, and ends the start when its conditions are met. True when there is more to count now. */
  tick(nowMs: number): boolean {
    const counting = this.#counting;
    if (counting === undefined) return false;
    this.#lastTickMs = nowMs;
    const more = this.#count(counting, nowMs);
    if (!this.#conditionsMet(counting)) {
      this.#reachedMs = undefined;
      return more;
    }
    this.#reachedMs ??= nowMs;
    if (counting.total === 0 || this.#nobodyIsLate() || nowMs - this.#reachedMs >= this.#options.settings.extensionMs)
      this.#endStart(counting);
    return more;
  }

  #endStart({ safe, total }: Counting): void {
    this.#counting = undefined;
    this.#options.logger.info({ safe, total }, 'safe mode is over: enough blocks have been found');
  }

  #conditionsMet(counting: Counting): boolean {
    const { total, safe } = counting;
    return (
      total !== undefined && safe >= this.#needed(total) && this.#liveDatanodes() >= this.#options.settings.minDatanodes
    );
  }

  #needed(total: number): number {
    return Math.ceil(total * this.#options.settings.threshold);
  }

  #liveDatanodes(): number {
    return [...this.#options.datanodes.nodes].filter((node) => node.inService).length;
  }

  /** Whether each storage that was in service before the start is so again, or its DataNode has said that it has it no more. */
  #nobodyIsLate(): boolean {
    for (const { counts, failed, datanode, isAway } of this.#options.datanodes.storages) {
      if (isAway) continue;
      if (!counts && datanode.state !== 'dead' && !(failed && datanode.inService)) return false;
    }
    return true;
  }

  #count(counting: Counting, nowMs: number): boolean {
    if (counting.total === undefined) {
      this.#countTotal(counting);
      return true;
    }
    this.#followStorages(counting);
    const storage = counting.storages[counting.counted];
    if (storage !== undefined) {
      counting.finishedMs = undefined;
      this.#countStorage(counting, storage);
      return true;
    }
    counting.finishedMs ??= nowMs;
    const isShort = counting.safe < this.#needed(counting.total);
    if (isShort && nowMs - counting.finishedMs >= RECOUNT_AFTER_MS) startOver(counting);
    return false;
  }

  #countTotal(counting: Counting): void {
    const { blocks, last } = countFinishedBlocks(this.#options.committed, counting.totalAfter, ROWS_PER_SLICE);
    counting.totalSoFar += blocks;
    if (last === undefined) counting.total = counting.totalSoFar;
    else counting.totalAfter = last;
  }

  /** Takes up storages that have been confirmed; when one is not there any more, what it counted for is unknown. */
  #followStorages(counting: Counting): void {
    if (counting.storages.some((storage) => !storage.counts)) startOver(counting);
    const known = new Set(counting.storages);
    for (const storage of this.#options.datanodes.storages) {
      if (storage.counts && !known.has(storage)) counting.storages.push(storage);
    }
  }

  #countStorage(counting: Counting, storage: StorageDescriptor): void {
    const earlier = counting.storages.slice(0, counting.counted).map(({ id }) => id);
    const others = this.#options.settings.minReplication - 1;
    const slice = countSafeBlocks(this.#options.committed, storage.id, counting.after, ROWS_PER_SLICE, earlier, others);
    counting.safe += slice.blocks;
    if (slice.last !== undefined) {
      counting.after = slice.last;
      return;
    }
    counting.counted++;
    counting.after = 0;
  }

  #message(): string {
    if (this.#lowResources !== '') return `${this.#lowResources} Safe mode is turned off once there is room again.`;
    if (this.#manual) return 'It was turned on manually. Use "dfs safemode leave" to turn safe mode off.';
    return this.#counting === undefined ? '' : this.#startMessage(this.#counting);
  }

  /** In HDFS's words. */
  #startMessage(counting: Counting): string {
    const { total, safe } = counting;
    if (total === undefined) return 'The NameNode is counting its blocks.';
    const { threshold, minDatanodes } = this.#options.settings;
    const missing = this.#needed(total) - safe;
    const ofThreshold = `the threshold ${threshold.toFixed(4)} of total blocks ${total}.`;
    const blocks =
      missing > 0
        ? `The reported blocks ${safe} needs additional ${missing} blocks to reach ${ofThreshold}`
        : `The reported blocks ${safe} has reached ${ofThreshold}`;
    const live = this.#liveDatanodes();
    const datanodes =
      live < minDatanodes
        ? `The number of live datanodes ${live} needs an additional ${minDatanodes - live} live datanodes to reach the minimum number ${minDatanodes}.`
        : `The number of live datanodes ${live} has reached the minimum number ${minDatanodes}.`;
    return `${blocks} ${datanodes} Safe mode will be turned off automatically ${this.#whenItEnds()}.`;
  }

  #whenItEnds(): string {
    if (this.#reachedMs === undefined) return 'once the thresholds have been reached';
    const leftMs = this.#reachedMs + this.#options.settings.extensionMs - this.#lastTickMs;
    return `in ${Math.ceil(leftMs / 1000)} seconds, or as soon as all known storages have reported`;
  }
}

/** Forgets which blocks were found, not how many there are. */
function startOver(counting: Counting): void {
  counting.storages = [];
  counting.counted = 0;
  counting.after = 0;
  counting.safe = 0;
  counting.finishedMs = undefined;
}
