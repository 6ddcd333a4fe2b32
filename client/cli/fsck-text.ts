/** The report of `dfs fsck`, as HDFS prints it. */
import { blockName } from '../../common/block.js';
import { formatHostPort } from '../../common/config/kinds.js';
import type { FsckBlock, FsckFile, FsckReplica, FsckStep, FsckSummary } from '../types.js';
import { percent } from './format.js';
import { isHealthy } from './fsck-json.js';
import type { Output } from './output.js';

/** States of replicas on DataNodes that are on their way out, or away for a while: they can be read. */
const OUT_OF_SERVICE: ReadonlySet<string> = new Set([
  'DECOMMISSIONING',
  'DECOMMISSIONED',
  'ENTERING_MAINTENANCE',
  'IN_MAINTENANCE',
]);

/** What is shown of each file. As in HDFS, each implies those before it. */
export interface FsckDetail {
  readonly files?: boolean;
  readonly blocks?: boolean;
  readonly locations?: boolean;
  readonly racks?: boolean;
  /** Files that are being written, also without the others. */
  readonly openforwrite?: boolean;
}

export class FsckText {
  readonly #out: Output;
  readonly #detail: Required<FsckDetail>;
  #liveReplicas = 0;
  #wantedReplicas = 0;
  #missingReplicas = 0;
  #minimallyReplicated = 0;

  constructor(out: Output, detail: FsckDetail) {
    this.#out = out;
    const racks = detail.racks === true;
    const locations = racks || detail.locations === true;
    const blocks = locations || detail.blocks === true;
    const files = blocks || detail.files === true;
    this.#detail = { racks, locations, blocks, files, openforwrite: detail.openforwrite === true };
  }

  /** Returns whether the files are healthy. */
  async write(
    path: string,
    steps: AsyncIterable<FsckStep>,
    defaultReplication: number,
    elapsedMs: () => number,
  ): Promise<boolean> {
    let summary: FsckSummary | undefined;
    for await (const step of steps) {
      if (step.kind === 'file') await this.#file(step.file);
      else summary = step.summary;
    }
    if (summary === undefined) throw new Error('the NameNode ended the check without a result');
    const status = isHealthy(summary) ? 'HEALTHY' : 'CORRUPT';
    await this.#summary(summary, status, defaultReplication);
    await this.#out.line(`FSCK ended in ${elapsedMs()} milliseconds\n\n`);
    await this.#out.line(`The filesystem under path '${path}' is ${status}`);
    return status === 'HEALTHY';
  }

  async #file(file: FsckFile): Promise<void> {
    const problems = file.blocks.flatMap((block) => this.#count(file, block));
    const { path, length, replication, blocks, underConstruction } = file;
    if (this.#detail.files || (this.#detail.openforwrite && underConstruction)) {
      const state = underConstruction ? ', OPENFORWRITE' : '';
      const verdict = problems.length === 0 ? '  OK' : '';
      await this.#out.line(
        `${path} ${length} bytes, replicated: replication=${replication}, ${blocks.length} block(s)${state}:${verdict}`,
      );
    }
    for (const problem of problems) await this.#out.line(this.#detail.files ? problem : `${path}: ${problem}`);
    if (!this.#detail.blocks) return;
    for (const [i, block] of blocks.entries()) await this.#out.line(this.#blockLine(i, block));
    await this.#out.line('');
  }

  /** Adds the block to the counts; returns what is wrong with it. */
  #count({ replication }: FsckFile, { block, replicas, live, misReplicated, underConstruction }: FsckBlock): string[] {
    if (underConstruction) return []; // its replicas are not all reported yet
    this.#wantedReplicas += replication;
    this.#liveReplicas += live;
    const name = blockName(block);
    const corrupt = replicas.filter(({ state }) => state === 'CORRUPT').length;
    const outOfService = replicas.filter(({ state }) => OUT_OF_SERVICE.has(state)).length;
    this.#missingReplicas += Math.max(0, replication - live - outOfService);
    if (live + outOfService > 0) this.#minimallyReplicated += 1;
    if (live + outOfService === 0 && corrupt > 0)
      return [` CORRUPT block ${name}: all ${corrupt} replica(s) failed their checksums.`];
    if (live + outOfService === 0)
      return [` MISSING block ${name} of ${block.numBytes} bytes: no live DataNode has a replica.`];
    const problems: string[] = [];
    if (live + outOfService < replication) {
      const leaving = outOfService === 0 ? '' : ` ${outOfService} on DataNodes out of service,`;
      problems.push(
        ` Under replicated ${name}. Target Replicas is ${replication} but found ${live} live replica(s),${leaving} ${corrupt} corrupt.`,
      );
    }
    if (misReplicated)
      problems.push(
        ` Replica placement policy is violated for ${name}. Block should be additionally replicated on another rack.`,
      );
    return problems;
  }

  #blockLine(index: number, { block, replicas, live, underConstruction }: FsckBlock): string {
    const isMissing = live === 0 && !replicas.some(({ state }) => OUT_OF_SERVICE.has(state));
    const count = underConstruction ? 'UNDER_CONSTRUCTION' : isMissing ? 'MISSING!' : `Live_repl=${live}`;
    const places = this.#detail.locations ? `  [${replicas.map((replica) => this.#place(replica)).join(', ')}]` : '';
    return `${index}. ${blockName(block)} len=${block.numBytes} ${count}${places}`;
  }

  #place({ datanode, rack, state }: FsckReplica): string {
    const address = formatHostPort({ host: datanode.host, port: datanode.dataPort });
    const place = this.#detail.racks ? `${rack}/${address}` : address;
    return state === 'LIVE' ? place : `${place} (${state})`;
  }

  async #summary(summary: FsckSummary, status: string, defaultReplication: number): Promise<void> {
    const { totalBlocks, underReplicated, overReplicated, misReplicated } = summary;
    const share = (count: number): string => `${count} (${percent(count, totalBlocks, 1)})`;
    const average = totalBlocks === 0 ? 0 : this.#liveReplicas / totalBlocks;
    const size = totalBlocks === 0 ? '' : ` (avg. block size ${Math.floor(summary.totalBytes / totalBlocks)} B)`;
    const lines: readonly (readonly [string, string | number])[] = [
      ['Total size:', `${summary.totalBytes} B`],
      ['Total files:', summary.totalFiles],
      ['Total directories:', summary.totalDirectories],
      ['Total blocks (validated):', `${totalBlocks}${size}`],
      ['Minimally replicated blocks:', share(this.#minimallyReplicated)],
      ['Over-replicated blocks:', share(overReplicated)],
      ['Under-replicated blocks:', share(underReplicated)],
      ['Mis-replicated blocks:', share(misReplicated)],
      ['Default replication factor:', defaultReplication],
      ['Average block replication:', Number(average.toFixed(7))],
      ['Corrupt blocks:', summary.corrupt],
      ['Missing blocks:', summary.missing],
      ['Missing replicas:', `${this.#missingReplicas} (${percent(this.#missingReplicas, this.#wantedReplicas, 1)})`],
      ['Number of data-nodes:', summary.datanodes],
      ['Number of racks:', summary.racks],
    ];
    await this.#out.line(`\nStatus: ${status}`);
    for (const [name, value] of lines) await this.#out.line(` ${name.padEnd(30)}${value}`);
  }
}
