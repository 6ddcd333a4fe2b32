/**
 * Taking DataNodes out of service (HDFS's DatanodeAdminManager): for good, by decommissioning, or for a while, by maintenance. What an administrator
 * has decided is logged (operations/administer-datanodes.ts) and survives a restart; how far it is, is found out here, again and again: a
 * DataNode may go when each of its blocks has enough replicas without it.
 *
 * The copies themselves are ordinary repair: the replicas of a DataNode that leaves do not count, so its blocks stand in the queue.
 */
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/logging.js';
import { type BlockHealth, healthOf } from './block-health.js';
import type { DatanodeDescriptor } from './datanode-descriptor.js';
import { type DatanodeManager, decideFrom } from './datanode-manager.js';
import type { Journal } from './journal.js';
import { nextTurn } from './operations/next-turn.js';
import { blockRow } from './storage/block-rows.js';
import { adminRow, type DatanodeAdminRow } from './storage/datanode-rows.js';
import type { ExpectedReplica } from './storage/edit-records.js';
import { BEFORE_OPEN_FILES, type OpenFile, type UnfinishedPage, unfinishedBlocks } from './storage/open-file-rows.js';
import { blocksToSurvey } from './storage/redundancy-rows.js';
import type { BlockRow } from './storage/rows.js';
import { AdminDecision, BlockState } from './storage/schema.js';

export interface DatanodeAdminSettings {
  /** dfs.namenode.decommission.interval */
  readonly intervalMs: number;
  /** dfs.namenode.replication.min */
  readonly minReplication: number;
  /** dfs.replication */
  readonly defaultReplication: number;
}

export interface DatanodeAdminOptions {
  readonly journal: Journal;
  readonly datanodes: DatanodeManager;
  readonly settings: DatanodeAdminSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The replicas of a DataNode count in another way now. */
  readonly onChanged: (node: DatanodeDescriptor) => void;
  /** Has blocks looked at that were found to lack replicas. */
  readonly requestChecks: (blocks: readonly number[]) => Promise<void>;
  /** Nothing may be logged in safe mode. */
  readonly isInSafeMode: () => boolean;
}

/** How far a DataNode is that is on its way out. */
export interface LeavingProgress {
  /** Blocks without enough replicas elsewhere, and their bytes. */
  readonly blocksLeft: number;
  readonly bytesLeft: number;
  /** Those of them without a live replica. */
  readonly blocksWithoutLive: number;
  /** Blocks that are being written, and would have too few replicas without it. */
  readonly blocksInOpenFiles: number;
  /** As it went so far; undefined while nobody can say. */
  readonly timeLeftMs: number | undefined;
}

interface Survey {
  blocks: number;
  bytes: number;
  withoutLive: number;
}

interface Leaving {
  readonly startedMs: number;
  /** Of the first survey. */
  bytesAtFirst: number | undefined;
  progress: LeavingProgress | undefined;
}

/** Rows of a storage looked at in one stretch, most of them only as far as the queue: a few milliseconds; */
const ROWS_PER_SLICE = 500;
/** and blocks of which all replicas are looked at. */
const BLOCKS_PER_SLICE = 100;

export class DatanodeAdmin {
  readonly #options: DatanodeAdminOptions;
  readonly #leaving = new Map<DatanodeDescriptor, Leaving>();

  constructor(options: DatanodeAdminOptions) {
    this.#options = options;
  }

  /**
   * Takes in what has been decided, and logged: what is in force now. The decision that the caller knows of may not be the last one: the repeat of
   * a call may come late.
   */
  decided(node: DatanodeDescriptor): void {
    const { journal, logger, onChanged } = this.#options;
    const before = node.adminState;
    decideFrom(adminRow(journal.committed, node.uuid), node);
    if (node.adminState === before) return;
    this.#leaving.delete(node);
    logger.info(
      { datanode: node.name, before, adminState: node.adminState },
      'an administrator has changed a DataNode',
    );
    onChanged(node);
  }

  /** Undefined when the DataNode is not on its way out, or has not been looked at. */
  progressOf(node: DatanodeDescriptor): LeavingProgress | undefined {
    return isLeaving(node) ? this.#leaving.get(node)?.progress : undefined;
  }

  /** To be called every `intervalMs`: ends maintenance whose time is over, and lets go whom nobody needs any more. */
  async round(signal: AbortSignal): Promise<void> {
    const { datanodes } = this.#options;
    await this.#endMaintenance();
    for (const node of datanodes.nodes) {
      if (!isLeaving(node)) this.#leaving.delete(node);
      else if (hasReported(node) && !signal.aborted) await this.#lookAt(node, signal);
    }
  }

  async #endMaintenance(): Promise<void> {
    const { journal, datanodes, clock, isInSafeMode } = this.#options;
    const timeMs = clock.now();
    const over = [...datanodes.nodes].filter(
      ({ isMaintenance, maintenanceExpiresMs: endMs }) => isMaintenance && endMs !== 0 && endMs <= timeMs,
    );
    if (over.length === 0 || isInSafeMode()) return;
    const decision = AdminDecision.NORMAL;
    await journal.mutate((tx) => {
      // Something else may have been decided in the same batch.
      const uuids = over.map(({ uuid }) => uuid).filter((uuid) => isMaintenanceOver(adminRow(tx.db, uuid), timeMs));
      if (uuids.length > 0) tx.log({ op: 'setDatanodeAdmin', timeMs, datanodes: uuids, decision, expiresMs: 0 });
    });
    for (const node of over) this.decided(node);
  }

  async #lookAt(node: DatanodeDescriptor, signal: AbortSignal): Promise<void> {
    const before = node.adminState;
    // Most blocks that lack replicas stand in the queue, so that all others need not be looked at before there are none.
    let survey = await this.#survey(node, 'queued', signal);
    if (survey.blocks === 0) survey = await this.#survey(node, 'all', signal);
    const blocksInOpenFiles = await this.#countOpen(node, signal);
    if (signal.aborted || node.adminState !== before) return; // decided otherwise meanwhile
    this.#note(node, survey, blocksInOpenFiles);
    if (survey.blocks === 0 && blocksInOpenFiles === 0) this.#finish(node);
  }

  #note(node: DatanodeDescriptor, { blocks, bytes, withoutLive }: Survey, blocksInOpenFiles: number): void {
    const nowMs = this.#options.clock.monotonicMs();
    const leaving = this.#leaving.get(node) ?? { startedMs: nowMs, bytesAtFirst: undefined, progress: undefined };
    this.#leaving.set(node, leaving);
    // The first look may come before the queue has been filled.
    leaving.bytesAtFirst = Math.max(leaving.bytesAtFirst ?? 0, bytes);
    const doneBytes = leaving.bytesAtFirst - bytes;
    const timeLeftMs =
      doneBytes > 0 && bytes > 0 ? Math.round((bytes * (nowMs - leaving.startedMs)) / doneBytes) : undefined;
    leaving.progress = {
      blocksLeft: blocks,
      bytesLeft: bytes,
      blocksWithoutLive: withoutLive,
      blocksInOpenFiles,
      timeLeftMs,
    };
  }

  #finish(node: DatanodeDescriptor): void {
    const startedMs = this.#leaving.get(node)?.startedMs ?? 0;
    const afterMs = Math.round(this.#options.clock.monotonicMs() - startedMs);
    node.adminState = node.isMaintenance ? 'in-maintenance' : 'decommissioned';
    this.#leaving.delete(node);
    const { name: datanode, adminState } = node;
    this.#options.logger.info(
      { datanode, adminState, afterMs },
      'a DataNode may be taken away: its blocks are elsewhere',
    );
  }

  /** Looks at the blocks of a DataNode: at those in the queue, or at all. */
  async #survey(node: DatanodeDescriptor, which: 'queued' | 'all', signal: AbortSignal): Promise<Survey> {
    const survey: Survey = { blocks: 0, bytes: 0, withoutLive: 0 };
    const limit = which === 'all' ? BLOCKS_PER_SLICE : ROWS_PER_SLICE;
    for (const storage of node.storages.values()) {
      for (let after: number | undefined = 0; after !== undefined && !signal.aborted; ) {
        const rows = blocksToSurvey(this.#options.journal.committed, storage.id, after, limit);
        const lacking = rows.filter(
          ({ block, queued }) => (which === 'all' || queued === 1) && this.#isLacking(block, survey),
        );
        const unqueued = lacking.filter(({ queued }) => queued === 0).map(({ block }) => block);
        if (unqueued.length > 0) await this.#options.requestChecks(unqueued);
        after = rows.length < limit ? undefined : rows.at(-1)?.block;
        await nextTurn();
      }
    }
    return survey;
  }

  /** Whether the block needs more replicas before the DataNode can go; then it is counted. */
  #isLacking(id: number, survey: Survey): boolean {
    const { journal, datanodes } = this.#options;
    const block = blockRow(journal.committed, id);
    if (block?.state !== BlockState.COMPLETE) return false; // deleted, or being written: see #countOpen
    const health = healthOf(journal.committed, block, datanodes);
    if (this.#isSufficient(health)) return false;
    survey.blocks++;
    survey.bytes += block.length;
    if (health.good.length === 0) survey.withoutLive++;
    return true;
  }

  /**
   * HDFS's rule (DatanodeAdminManager.isSufficient). A file may ask for more replicas than there are DataNodes; as many as new files get are enough
   * to let one go.
   */
  #isSufficient({ good, priority }: BlockHealth): boolean {
    const { defaultReplication, minReplication } = this.#options.settings;
    return priority === undefined || good.length >= Math.max(defaultReplication, minReplication);
  }

  /** Blocks that are being written there, and nowhere else often enough: HDFS waits until they are finished, or have other replicas. */
  async #countOpen(node: DatanodeDescriptor, signal: AbortSignal): Promise<number> {
    let count = 0;
    for (let after: OpenFile | undefined = BEFORE_OPEN_FILES; after !== undefined && !signal.aborted; ) {
      const page: UnfinishedPage = unfinishedBlocks(this.#options.journal.committed, after, BLOCKS_PER_SLICE);
      count += page.blocks.filter((block) => this.#needs(block, node)).length;
      after = page.next;
      await nextTurn();
    }
    return count;
  }

  #needs({ expected }: BlockRow, node: DatanodeDescriptor): boolean {
    const { datanodes, settings } = this.#options;
    const uuids = (JSON.parse(expected ?? '[]') as ExpectedReplica[]).map(([uuid]) => uuid);
    if (!uuids.includes(node.uuid)) return false;
    return uuids.filter((uuid) => datanodes.node(uuid)?.takesBlocks).length < settings.minReplication;
  }
}

function isMaintenanceOver(row: DatanodeAdminRow | undefined, timeMs: number): boolean {
  return row?.decision === AdminDecision.MAINTENANCE && row.expires_ms !== 0 && row.expires_ms <= timeMs;
}

function isLeaving({ adminState }: DatanodeDescriptor): boolean {
  return adminState === 'decommission-in-progress' || adminState === 'entering-maintenance';
}

/** Whether it is known what the DataNode has: from itself, or because it has been dead for long. */
function hasReported(node: DatanodeDescriptor): boolean {
  if (node.state === 'dead') return true;
  return node.inService && [...node.storages.values()].every(({ counts, failed }) => counts || failed);
}
