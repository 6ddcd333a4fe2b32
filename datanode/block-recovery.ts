/**
 * The recovery of blocks for which this DataNode is the primary (HDFS: BlockRecoveryWorker): asks all DataNodes that may hold a block what
 * they have, decides (recovery-plan.ts), has each one make its replica so, and tells the NameNode. Whatever fails on the way ends the attempt;
 * the NameNode begins another one, under a higher id.
 */
import { setMaxListeners } from 'node:events';
import type { Block } from '../common/block.js';
import { blockName } from '../common/block.js';
import type { Clock } from '../common/clock.js';
import type { PipelineNode } from '../common/data-transfer.js';
import { DfsError, messageOf } from '../common/errors.js';
import type { Logger } from '../common/logging.js';
import type { Random } from '../common/random.js';
import { type RetryPolicy, withRetries } from '../common/retry.js';
import type { InterDatanodeProtocolClient } from '../common/rpc/services.js';
import type { RecoveryPlan } from './recovery-plan.js';
import { planBlockRecovery } from './recovery-plan.js';
import type { ReplicaRecovery, ReplicaRecoveryInfo } from './replica-recovery.js';

/** A DataNode that may have a replica of the block, this one among them. */
export interface RecoveryLocation {
  readonly node: PipelineNode;
  readonly storageId: string;
}

export interface RecoveryOrder {
  readonly block: Block;
  readonly recoveryId: number;
  readonly locations: readonly RecoveryLocation[];
  /** Further DataNodes that may have a replica; they are dead, and are not asked. */
  readonly givenUp: number;
  readonly truncate: boolean;
}

/** What the NameNode is told. */
export interface RecoveryResult {
  readonly order: RecoveryOrder;
  readonly length: number;
  /** Empty: nobody has anything of the block. */
  readonly holders: readonly RecoveryLocation[];
}

export interface Peer {
  readonly client: InterDatanodeProtocolClient;
  close(): void;
}

export interface BlockRecoveryOptions {
  readonly datanodeUuid: string;
  readonly clusterId: () => string;
  readonly replicas: ReplicaRecovery;
  readonly connectPeer: (host: string, rpcPort: number) => Peer;
  readonly commit: (result: RecoveryResult, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** One DataNode's part, wherever it is. */
interface Participant {
  readonly location: RecoveryLocation;
  init(): Promise<ReplicaRecoveryInfo | undefined>;
  update(length: number): Promise<RecoveryLocation>;
}

const RUNNING_MAX = 4;
/** Orders beyond this are dropped: the NameNode gives them again. */
const WAITING_MAX = 10_000;
/** Stopping a writer waits for its disk; more than that means that the DataNode does not work. */
const PEER_TIMEOUT_MS = 15_000;
const COMMIT_RETRIES: RetryPolicy = { maxAttempts: 5, baseDelayMs: 200, maxDelayMs: 2_000 };

export class BlockRecovery {
  readonly #options: BlockRecoveryOptions;
  /** By block; the first ones are running. */
  readonly #orders = new Map<number, RecoveryOrder>();
  readonly #running = new Map<number, Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(options: BlockRecoveryOptions) {
    this.#options = options;
    setMaxListeners(0, this.#stopping.signal); // each call that is under way is one; Node warns of more than ten otherwise
  }

  get pendingCount(): number {
    return this.#orders.size;
  }

  order(order: RecoveryOrder): void {
    const { blockId } = order.block;
    if (this.#stopping.signal.aborted || this.#orders.size >= WAITING_MAX) return;
    // In place of an attempt that was to come before; one that is running is overtaken where it meets the new id.
    this.#orders.set(blockId, order);
    this.#startNext();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new DfsError('Cancelled', 'The DataNode is stopping'));
    this.#orders.clear();
    await Promise.all(this.#running.values());
  }

  #startNext(): void {
    for (const [blockId, order] of this.#orders) {
      if (this.#running.size >= RUNNING_MAX) return;
      if (!this.#running.has(blockId)) this.#running.set(blockId, this.#run(order));
    }
  }

  async #run(order: RecoveryOrder): Promise<void> {
    const { logger } = this.#options;
    const { block, recoveryId, locations } = order;
    const context = { block: blockName(block), recoveryId };
    const peers = new Map<string, Peer>();
    try {
      const participants = locations.map((location) => this.#participant(order, location, peers));
      const result = await this.#recover(order, participants);
      await this.#commit(result);
      logger.info({ ...context, length: result.length, replicas: result.holders.length }, 'block recovered');
    } catch (error) {
      logger.warn({ ...context, reason: messageOf(error) }, 'a block could not be recovered');
    }
    for (const peer of peers.values()) peer.close();
    if (this.#orders.get(block.blockId) === order) this.#orders.delete(block.blockId);
    this.#running.delete(block.blockId);
    this.#startNext();
  }

  async #recover(order: RecoveryOrder, participants: readonly Participant[]): Promise<RecoveryResult> {
    const answers = await Promise.allSettled(participants.map((participant) => participant.init()));
    const answered = participants.flatMap((participant, index) => {
      const answer = answers[index];
      return answer?.status === 'fulfilled' ? [{ participant, replica: answer.value }] : [];
    });
    if (answered.length === 0) throw new DfsError('RetryLater', `no DataNode can be asked: ${reasonsOf(answers)}`);
    const { block, truncate, givenUp } = order;
    const replicas = answered.map(({ replica }) => replica);
    const unanswered = answers.length - answered.length;
    const plan = planBlockRecovery({ block, truncate, replicas, unanswered, givenUp });
    switch (plan.kind) {
      case 'giveUp':
        throw new DfsError('RetryLater', `${plan.reason} ${reasonsOf(answers)}`.trim());
      case 'delete':
        return { order, length: 0, holders: [] };
      case 'update':
        return await this.#update(
          order,
          plan,
          plan.participants.map((index) => answered[index]?.participant as Participant),
        );
    }
  }

  /** Those that fail are left with the old stamp, as if they had failed while the block was written. */
  async #update(
    order: RecoveryOrder,
    { length }: RecoveryPlan & { kind: 'update' },
    participants: readonly Participant[],
  ): Promise<RecoveryResult> {
    const updated = await Promise.allSettled(participants.map((participant) => participant.update(length)));
    const holders = updated.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    if (holders.length === 0) throw new DfsError('RetryLater', `no replica could be updated: ${reasonsOf(updated)}`);
    return { order, length, holders };
  }

  async #commit(result: RecoveryResult): Promise<void> {
    const { clock, random, commit } = this.#options;
    const { signal } = this.#stopping;
    await withRetries(COMMIT_RETRIES, { clock, random, signal }, () => commit(result, signal));
  }

  #participant(order: RecoveryOrder, location: RecoveryLocation, peers: Map<string, Peer>): Participant {
    const { datanodeUuid, replicas } = this.#options;
    const { block, recoveryId } = order;
    if (location.node.uuid !== datanodeUuid) return this.#remote(order, location, peers);
    return {
      location,
      init: () => replicas.init(block, recoveryId),
      update: async (length) => ({ ...location, storageId: await replicas.update(block.blockId, recoveryId, length) }),
    };
  }

  #remote({ block, recoveryId }: RecoveryOrder, location: RecoveryLocation, peers: Map<string, Peer>): Participant {
    const { uuid, host, rpcPort } = location.node;
    const peer = peers.get(uuid) ?? this.#options.connectPeer(host, rpcPort);
    peers.set(uuid, peer);
    const clusterId = this.#options.clusterId();
    const options = { timeoutMs: PEER_TIMEOUT_MS, signal: this.#stopping.signal };
    return {
      location,
      init: async () => {
        const { replica, state } = await peer.client.InitReplicaRecovery({ clusterId, block, recoveryId }, options);
        if (replica === null) return undefined;
        if (state !== 'FINALIZED' && state !== 'RBW' && state !== 'RWR')
          throw new DfsError('ProtocolViolation', `DataNode ${host} has a replica in state ${state}`);
        return { ...replica, state };
      },
      update: async (newLength) => {
        const request = { clusterId, blockId: block.blockId, recoveryId, newLength };
        const { storageId } = await peer.client.UpdateReplicaUnderRecovery(request, options);
        return { ...location, storageId };
      },
    };
  }
}

function reasonsOf(results: readonly PromiseSettledResult<unknown>[]): string {
  const failed = results.flatMap((result) => (result.status === 'rejected' ? [messageOf(result.reason)] : []));
  return failed.length === 0 ? '' : `(${failed.join('; ')})`;
}
