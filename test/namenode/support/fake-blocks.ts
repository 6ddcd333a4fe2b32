import type { Database } from 'better-sqlite3';
import type { Block } from '../../../common/block.js';
import { DfsError } from '../../../common/errors.js';
import type { RecoveryOrder } from '../../../namenode/block-recoveries.js';
import type {
  Blocks,
  LocatedReplicas,
  Location,
  SafeModeStatus,
  Target,
  TargetRequest,
} from '../../../namenode/blocks.js';
import { blockRow } from '../../../namenode/storage/block-rows.js';
import type { ExpectedReplica } from '../../../namenode/storage/edit-records.js';

/** A block manager without DataNodes: as many targets as asked for, and as many replicas as a test says. */
export class FakeBlocks implements Blocks {
  /** Replicas that every block has. */
  live = 3;
  /** Targets that can be had. */
  available = 5;
  safe: SafeModeStatus = { on: false, message: '' };
  readonly requests: TargetRequest[] = [];
  /** Under way, by block. */
  readonly recoveries = new Map<number, RecoveryOrder>();
  whileWaiting: () => void | Promise<void> = () => {};
  /** Targets of blocks that were given back. */
  readonly unwritten: Target[] = [];
  readonly corrupt: { block: Block; datanodeUuid: string; storageUuid: string }[] = [];

  chooseTargets(request: TargetRequest): Target[] {
    this.requests.push(request);
    const taken = new Set([...request.exclude, ...request.existing.map(({ datanodeUuid }) => datanodeUuid)]);
    const free = Array.from({ length: this.available }, (_, i) => target(i)).filter((t) => !taken.has(t.datanodeUuid));
    if (free.length === 0) throw new DfsError('NoTargets', 'could only be written to 0 of the 1 required nodes');
    return free.slice(0, request.count);
  }

  notWritten(targets: readonly Target[]): void {
    this.unwritten.push(...targets);
  }

  locate(db: Database, blockId: number): LocatedReplicas {
    const row = blockRow(db, blockId);
    if (row === undefined) return { locations: [], corrupt: false };
    const expected = row.expected === null ? undefined : (JSON.parse(row.expected) as ExpectedReplica[]);
    const targets = expected?.map(([datanodeUuid, storageUuid]) => ({ datanodeUuid, storageUuid }));
    return {
      locations: this.describe(targets ?? Array.from({ length: this.live }, (_, i) => target(i))),
      corrupt: false,
    };
  }

  describe(targets: readonly Target[]): Location[] {
    return targets.map(({ datanodeUuid, storageUuid }) => ({
      datanodeUuid,
      storageUuid,
      host: `host-${datanodeUuid}`,
      dataPort: 9866,
      rpcPort: 9867,
      httpPort: 9864,
      rack: '/default-rack',
    }));
  }

  countLive(): number {
    return this.live;
  }

  /** What happens while somebody waits for reports. */
  async untilLive(): Promise<void> {
    await this.whileWaiting();
  }

  async reportedBad(block: Block, datanodeUuid: string, storageUuid: string): Promise<void> {
    await this.markCorrupt(block, datanodeUuid, storageUuid);
  }

  async markCorrupt(block: Block, datanodeUuid: string, storageUuid: string): Promise<void> {
    this.corrupt.push({ block, datanodeUuid, storageUuid });
  }

  canRecover(): boolean {
    return this.live > 0;
  }

  isRecovering(blockId: number, recoveryId: number): boolean {
    return this.recoveries.get(blockId)?.recoveryId === recoveryId;
  }

  recover(order: RecoveryOrder): void {
    this.recoveries.set(order.block.blockId, order);
  }

  recovered(blockId: number): void {
    this.recoveries.delete(blockId);
  }

  safeMode(): SafeModeStatus {
    return this.safe;
  }

  requireNoSafeMode(what: string): void {
    if (this.safe.on) throw new DfsError('SafeMode', `Cannot ${what}. Name node is in safe mode. ${this.safe.message}`);
  }
}

export function target(index: number): Target {
  return { datanodeUuid: `dn-${index}`, storageUuid: `ds-${index}` };
}
