/** What the NameNode tells Prometheus. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { isDfsError } from '../common/errors.js';
import type { Journal } from './journal.js';
import type { FsStats } from './stats.js';

const LATENCY_BUCKETS_SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5];
const SIZE_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000];

/** What gauges read when they are asked. */
export interface MetricSources {
  readonly journal: Journal;
  readonly isInSafeMode: () => boolean;
  readonly liveDatanodes: () => number;
  readonly stats: () => FsStats;
  readonly pendingReconstructionBlocks: () => number;
}

export class NamenodeMetrics {
  readonly registry = new Registry();
  readonly #calls: Histogram<'method' | 'result'>;
  readonly #batchRecords: Histogram;
  readonly #syncSeconds: Histogram;
  readonly #failedBatches: Counter;

  constructor() {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.#calls = new Histogram({
      name: 'dfs_namenode_call_seconds',
      help: 'Calls answered, by method and result (OK, or the name of the error), and how long they took.',
      labelNames: ['method', 'result'],
      buckets: LATENCY_BUCKETS_SECONDS,
      registers,
    });
    this.#batchRecords = new Histogram({
      name: 'dfs_namenode_batch_records',
      help: 'Edit log records per batch.',
      buckets: SIZE_BUCKETS,
      registers,
    });
    this.#syncSeconds = new Histogram({
      name: 'dfs_namenode_edit_log_sync_seconds',
      help: 'Time to make a batch durable in the edit log.',
      buckets: LATENCY_BUCKETS_SECONDS,
      registers,
    });
    this.#failedBatches = new Counter({
      name: 'dfs_namenode_failed_batches_total',
      help: 'Batches that could not be made durable and were rolled back.',
      registers,
    });
  }

  /** Begins to tell the state of the namespace as well. */
  observe(sources: MetricSources): void {
    const { journal, isInSafeMode, liveDatanodes, stats, pendingReconstructionBlocks } = sources;
    this.#gauge('dfs_namenode_files', 'Files in the namespace.', () => journal.counters.files);
    this.#gauge('dfs_namenode_directories', 'Directories in the namespace.', () => journal.counters.directories);
    this.#gauge('dfs_namenode_blocks', 'Blocks of all files.', () => journal.counters.blocks);
    this.#gauge('dfs_namenode_last_txid', 'The last transaction.', () => journal.lastTxid);
    this.#gauge('dfs_namenode_safe_mode', '1 while safe mode is on.', () => (isInSafeMode() ? 1 : 0));
    this.#gauge('dfs_namenode_live_datanodes', 'DataNodes that are live.', liveDatanodes);
    this.#labelled('dfs_namenode_bytes', 'Space of all DataNodes in service.', 'kind', () => {
      const { capacityBytes, usedBytes, remainingBytes } = stats();
      return { capacity: capacityBytes, used: usedBytes, remaining: remainingBytes };
    });
    this.#labelled(
      'dfs_namenode_repair',
      'Blocks, and replicas to delete, that are not as they should be.',
      'state',
      () => {
        const { underReplicatedBlocks, missingBlocks, corruptReplicaBlocks, pendingDeletionReplicas } = stats();
        return {
          under_replicated_blocks: underReplicatedBlocks,
          missing_blocks: missingBlocks,
          corrupt_replica_blocks: corruptReplicaBlocks,
          pending_reconstruction_blocks: pendingReconstructionBlocks(),
          pending_deletion_replicas: pendingDeletionReplicas,
        };
      },
    );
  }

  batch(records: number, syncMs: number): void {
    if (records === 0) return;
    this.#batchRecords.observe(records);
    this.#syncSeconds.observe(syncMs / 1000);
  }

  batchFailed(): void {
    this.#failedBatches.inc();
  }

  /** The same handlers, counted and timed. Those that answer with a stream are left as they are. */
  timed<Handlers extends object>(handlers: Handlers): Handlers {
    const timed = Object.entries(handlers).map(([method, handler]) => [method, this.#timed(method, handler)]);
    return Object.fromEntries(timed) as Handlers;
  }

  #timed(method: string, handler: (...args: unknown[]) => unknown): (...args: unknown[]) => unknown {
    return (...args) => {
      const end = this.#calls.startTimer({ method });
      const answer = handler(...args);
      if (!(answer instanceof Promise)) return answer;
      return answer.then(
        (response: unknown) => {
          end({ result: 'OK' });
          return response;
        },
        (error: unknown) => {
          end({ result: isDfsError(error) ? error.name : 'Internal' });
          throw error;
        },
      );
    };
  }

  #labelled(name: string, help: string, label: string, values: () => Record<string, number>): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect(): void {
        for (const [value, count] of Object.entries(values())) gauge.set({ [label]: value }, count);
      },
    });
  }

  #gauge(name: string, help: string, value: () => number): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [this.registry],
      collect: (): void => gauge.set(value()),
    });
  }
}
