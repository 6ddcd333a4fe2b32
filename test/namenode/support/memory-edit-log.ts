import { DfsError } from '../../../common/errors.js';
import type { EditBatch, EditLog } from '../../../namenode/storage/edit-log.js';

/** An edit log that forgets everything when the test ends. Batches pass through JSON, as they do on disk. */
export class MemoryEditLog implements EditLog {
  batches: EditBatch[] = [];
  epoch = 0;
  /** Set to make the next appends fail with it. */
  failure: DfsError | undefined;
  /** Runs in the middle of an append, before it is durable. */
  beforeSync: () => Promise<void> = () => Promise.resolve();

  get lastTxid(): number {
    const last = this.batches.at(-1);
    return last === undefined ? 0 : last.firstTxid + last.records.length - 1;
  }

  async fence(epoch: number): Promise<void> {
    if (epoch <= this.epoch) throw new DfsError('DamagedMetadata', `epoch ${epoch} is over`);
    this.epoch = epoch;
  }

  async append(batch: EditBatch): Promise<void> {
    await this.beforeSync();
    if (this.failure !== undefined) throw this.failure;
    if (batch.firstTxid !== this.lastTxid + 1) throw new DfsError('Internal', 'gap in the log');
    this.batches.push(JSON.parse(JSON.stringify(batch)) as EditBatch);
  }

  async *read(txid: number): AsyncIterable<EditBatch> {
    for (const batch of this.batches) {
      if (batch.firstTxid + batch.records.length > txid) yield batch;
    }
  }

  async roll(): Promise<void> {}
  async removeThrough(): Promise<void> {}
  async close(): Promise<void> {}
}
