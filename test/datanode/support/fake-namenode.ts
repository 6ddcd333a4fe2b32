/**
 * The NameNode's side of DatanodeProtocol, as far as a DataNode can tell: what it believes each storage to hold, and
 * how it can fail.
 */
import type { Block } from '../../../common/block.js';
import { DfsError } from '../../../common/errors.js';
import { ReplicaDigest } from '../../../common/replica-digest.js';
import type { DatanodeProtocolClient } from '../../../common/rpc/services.js';
import type { BlockReportRequest } from '../../../proto/generated/minihdfs/BlockReportRequest.js';
import type { CommitBlockSynchronizationRequest } from '../../../proto/generated/minihdfs/CommitBlockSynchronizationRequest.js';
import type { DatanodeCommand__Output } from '../../../proto/generated/minihdfs/DatanodeCommand.js';
import type { HeartbeatRequest } from '../../../proto/generated/minihdfs/HeartbeatRequest.js';
import type { StorageReport } from '../../../proto/generated/minihdfs/StorageReport.js';

export class FakeNamenode {
  clusterId = 'CID-test';
  heartbeatIntervalMs = 3000;
  blockReportIntervalMs = 6 * 3_600_000;
  /** Calls fail before they do anything. */
  down = false;
  /** Decides for each call whether its answer is lost after it has had its effect. */
  losesAnswer: (call: string) => boolean = () => false;
  /** Every call takes a turn of this: a test may hold calls up. */
  beforeAnswer: (call: string) => Promise<void> = async () => {};
  readonly calls: string[] = [];
  /** Blocks by storage and id. */
  readonly rows = new Map<string, Map<number, Block>>();
  readonly badReplicas: number[] = [];
  readonly synchronized: CommitBlockSynchronizationRequest[] = [];
  readonly errors: string[] = [];
  readonly heartbeats: HeartbeatRequest[] = [];
  /** Given out with the next answers to heartbeats. */
  commands: DatanodeCommand__Output[] = [];
  /** Heartbeats whose digest was not that of the rows. */
  mismatches = 0;
  matches = 0;
  #registrations = 0;
  #lastReportNumber = 0;

  readonly client: DatanodeProtocolClient = {
    Register: (request) =>
      this.#call('Register', () => {
        this.#registrations++;
        this.#lastReportNumber = 0;
        if (request.clusterId !== '' && request.clusterId !== this.clusterId) {
          throw new DfsError('WrongCluster', `the DataNode belongs to cluster ${request.clusterId}`);
        }
        for (const storage of request.storages ?? []) this.#compare(storage);
        const { clusterId, heartbeatIntervalMs, blockReportIntervalMs } = this;
        return { clusterId, registrationId: this.registrationId, heartbeatIntervalMs, blockReportIntervalMs };
      }),
    Heartbeat: (request) =>
      this.#call('Heartbeat', () => {
        this.#requireRegistered(request.registrationId);
        this.heartbeats.push(request);
        for (const storage of request.storages ?? []) this.#compare(storage);
        const commands = this.commands;
        this.commands = [];
        return { commands };
      }),
    BlockReport: (request) =>
      this.#call(`BlockReport ${request.part}${request.lastPart ? ' last' : ''}`, () => {
        this.#requireRegistered(request.registrationId);
        this.#merge(request);
        return { commands: [] };
      }),
    BlockReceivedAndDeleted: (request) =>
      this.#call('BlockReceivedAndDeleted', () => {
        this.#requireRegistered(request.registrationId);
        const number = Number(request.reportNumber);
        if (number <= this.#lastReportNumber) return {};
        if (number !== this.#lastReportNumber + 1) throw new Error(`report ${number} after ${this.#lastReportNumber}`);
        this.#lastReportNumber = number;
        for (const event of request.blocks ?? []) this.#apply(event.kind, event.block as Block, event.storageId ?? '');
        return {};
      }),
    ReportBadReplicas: (request) =>
      this.#call('ReportBadReplicas', () => {
        this.#requireRegistered(request.registrationId);
        this.badReplicas.push(...(request.replicas ?? []).map(({ block }) => Number(block?.blockId)));
        return {};
      }),
    CommitBlockSynchronization: (request) =>
      this.#call('CommitBlockSynchronization', () => {
        this.#requireRegistered(request.registrationId);
        this.synchronized.push(request);
        return {};
      }),
    ErrorReport: (request) =>
      this.#call('ErrorReport', () => {
        this.errors.push(request.message ?? '');
        return {};
      }),
  };

  get registrationId(): string {
    return `registration-${this.#registrations}`;
  }

  /** As after a restart: no registration is known any more. */
  forgetRegistrations(): void {
    this.#registrations++;
  }

  rowsOf(storageId: string): Map<number, Block> {
    const rows = this.rows.get(storageId) ?? new Map<number, Block>();
    this.rows.set(storageId, rows);
    return rows;
  }

  /** All blocks that it believes to be finalized, by id. */
  believed(): Block[] {
    return [...this.rows.values()].flatMap((rows) => [...rows.values()]).sort((a, b) => a.blockId - b.blockId);
  }

  countOf(call: string): number {
    return this.calls.filter((made) => made.startsWith(call)).length;
  }

  async #call<T>(name: string, effect: () => T): Promise<T> {
    this.calls.push(name);
    await this.beforeAnswer(name);
    if (this.down) throw new DfsError('ConnectionLost', 'the NameNode is down');
    const answer = effect();
    if (this.losesAnswer(name)) throw new DfsError('Timeout', 'no answer');
    return answer;
  }

  #requireRegistered(registrationId: string | undefined): void {
    if (registrationId !== this.registrationId) throw new DfsError('UnknownDatanode', 'register again');
  }

  #apply(kind: unknown, { blockId, generationStamp, numBytes }: Block, storageId: string): void {
    const rows = this.rowsOf(storageId);
    const row = rows.get(blockId);
    if (kind === 'RECEIVED') rows.set(blockId, { blockId, generationStamp, numBytes });
    if (kind === 'DELETED') rows.delete(blockId);
    if (kind === 'RECEIVING' && row !== undefined && generationStamp > row.generationStamp) rows.delete(blockId);
  }

  #merge(request: BlockReportRequest): void {
    const ids = (request.blockIds ?? []).map(Number);
    const rows = this.rowsOf(request.storageId ?? '');
    const from = request.part === 0 ? 0 : this.#mergedUpTo;
    const to = request.lastPart ? Number.MAX_SAFE_INTEGER : (ids.at(-1) ?? from);
    for (const id of rows.keys()) if (id > from && id <= to) rows.delete(id);
    for (const [index, blockId] of ids.entries()) {
      if (blockId <= from || blockId > to) throw new Error('a part is not sorted');
      if ((request.states?.[index] ?? 1) !== 1) continue;
      const block = {
        generationStamp: Number(request.generationStamps?.[index]),
        numBytes: Number(request.lengths?.[index]),
      };
      rows.set(blockId, { blockId, ...block });
    }
    this.#mergedUpTo = to;
  }

  #mergedUpTo = 0;

  #compare({ storageId = '', digest, replicas }: StorageReport): void {
    if (digest === undefined || digest.length === 0) return;
    const own = new ReplicaDigest();
    const rows = this.rowsOf(storageId);
    for (const block of rows.values()) own.add(block);
    if (own.toBytes().equals(digest as Buffer) && rows.size === replicas) this.matches++;
    else this.mismatches++;
  }
}
