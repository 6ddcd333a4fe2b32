/** After the faults: whether everything that was acknowledged is there, in every replica, and nothing that must not be. */
import { createHash } from 'node:crypto';
import { type DfsError, type FileSystem, type FsckFile, isDfsError } from '../../client/index.js';
import { sleep, systemClock } from '../../common/clock.js';
import { messageOf } from '../../common/errors.js';
import { waitFor } from '../cluster/harness.js';
import { healthOf, waitUntilWhole } from '../cluster/support/health.js';
import { type DatanodeDisks, intactData, replicasOf } from '../cluster/support/replicas.js';
import { contentOf, sha256OfContent } from './content.js';
import type { Manifest, TrackedFile } from './manifest.js';

/** How long the cluster may take to repair everything once nothing disturbs it any more. */
const HEAL_TIMEOUT_MS = 180_000;

/** Blocks that a violation names. */
const MOST_TOLD_OF = 10;

const READ_TIMEOUT_MS = 60_000;
const READ_AGAIN_MS = 1_000;

export interface Verified {
  files: number;
  /** Read through the cluster. */
  bytesRead: number;
  replicas: number;
  /** In replicas on disks. */
  replicaBytes: number;
  /** In all files that were acknowledged. */
  acknowledgedBytes: number;
  /** Acknowledged bytes in files that are not there, or not as they were acknowledged. */
  lostBytes: number;
}

export interface VerificationOptions {
  readonly fs: FileSystem;
  readonly cluster: DatanodeDisks;
  readonly manifest: Manifest;
  readonly onViolation: (what: string) => void;
}

export class Verification {
  readonly #options: VerificationOptions;
  readonly #verified: Verified = {
    files: 0,
    bytesRead: 0,
    replicas: 0,
    replicaBytes: 0,
    acknowledgedBytes: 0,
    lostBytes: 0,
  };
  /** Files that were found, by path. */
  readonly #found = new Map<string, TrackedFile>();

  constructor(options: VerificationOptions) {
    this.#options = options;
  }

  /** What has been found so far. */
  get verified(): Readonly<Verified> {
    return this.#verified;
  }

  /** @throws Error when something did not come about in time. */
  async run(): Promise<void> {
    const { manifest, fs, onViolation } = this.#options;
    await this.#waitForDisks();
    for (const file of manifest.files) await this.#verifyFile(file);
    for (const path of manifest.gone) {
      if (await fs.exists(path))
        onViolation(`${path} is there again, although it was deleted, renamed or never completed`);
    }
    await this.#closeWhatKilledClientsLeft();
    await this.#verifyReplicas();
  }

  /** Every DataNode is back, with all of its volumes. */
  async #waitForDisks(): Promise<void> {
    const { fs, cluster } = this.#options;
    await waitFor(
      async () => {
        const report = await fs.datanodeReport().catch(() => []);
        return (
          report.length === cluster.datanodeNumbers.length &&
          report.every(({ state, failedVolumes }) => state === 'live' && failedVolumes === 0) &&
          !(await fs.safeMode('get')).on
        );
      },
      'every DataNode with all of its volumes, and the end of safe mode',
      HEAL_TIMEOUT_MS,
    );
  }

  async #verifyFile(file: TrackedFile): Promise<void> {
    this.#verified.acknowledgedBytes += file.acknowledgedBytes;
    const path = await this.#pathOf(file);
    if (path === undefined) return;
    await this.#close(path, file);
    const { length } = await this.#options.fs.stat(path);
    if (length < file.acknowledgedBytes || length > file.attemptedBytes) {
      this.#lose(file, `${path} has ${length} bytes, not ${file.acknowledgedBytes} to ${file.attemptedBytes}`);
      return;
    }
    const sum = await this.#sumOf(path);
    if (isDfsError(sum)) return this.#lose(file, `${path} cannot be read: ${sum.message}`);
    if (sum !== sha256OfContent(file.number, length)) this.#lose(file, `${path} has other bytes than were written`);
    this.#verified.files++;
    this.#verified.bytesRead += length;
    this.#found.set(path, file);
  }

  /** SHA-256 of what can be read; the error when it cannot be read for so long that it never will be. */
  async #sumOf(path: string): Promise<string | DfsError> {
    const deadline = systemClock.monotonicMs() + READ_TIMEOUT_MS;
    for (;;) {
      try {
        const hash = createHash('sha256');
        for await (const part of this.#options.fs.createReadStream(path)) hash.update(part as Buffer);
        return hash.digest('hex');
      } catch (error) {
        if (!isDfsError(error)) throw error;
        if (systemClock.monotonicMs() > deadline) return error;
      }
      await sleep(systemClock, READ_AGAIN_MS);
    }
  }

  /** Undefined when it is not there, which may be right. */
  async #pathOf(file: TrackedFile): Promise<string | undefined> {
    const { fs, onViolation } = this.#options;
    const existing: string[] = [];
    for (const path of file.paths) if (await fs.exists(path)) existing.push(path);
    if (existing.length === 0 && !file.mayBeAbsent) this.#lose(file, `${file.paths.join(' and ')} are not there`);
    if (existing.length > 1) onViolation(`one file is at ${existing.join(' and ')}`);
    return existing[0];
  }

  /** A file whose writer failed is open until somebody takes it over. */
  async #close(path: string, { inDoubt }: TrackedFile): Promise<void> {
    const { fs } = this.#options;
    if (!inDoubt || !(await fs.stat(path)).underConstruction) return;
    await waitFor(() => fs.recoverLease(path), `${path} to be closed`, HEAL_TIMEOUT_MS);
  }

  /** The last block of an open file is not copied before its lease ends, which takes 20 minutes. */
  async #closeWhatKilledClientsLeft(): Promise<void> {
    const { fs } = this.#options;
    const { files } = await healthOf(fs);
    for (const { path, underConstruction } of files) {
      if (underConstruction) await waitFor(() => fs.recoverLease(path), `${path} to be closed`, HEAL_TIMEOUT_MS);
    }
  }

  /** Each block has its three replicas on disk, every one with the bytes of the file and checksums that fit. */
  async #verifyReplicas(): Promise<void> {
    const { fs, cluster } = this.#options;
    const { files } = await waitUntilWhole(fs, '/', HEAL_TIMEOUT_MS);
    const expected = new Map(files.flatMap((file) => this.#blocksOf(file)));
    let bad: readonly string[] = [];
    try {
      await waitFor(
        async () => {
          bad = await this.#badBlocks(cluster, expected);
          return bad.length === 0;
        },
        'every replica to be good',
        HEAL_TIMEOUT_MS,
      );
    } catch (cause) {
      const some = bad.slice(0, MOST_TOLD_OF).join('; ');
      throw new Error(`${messageOf(cause)}. ${bad.length} blocks are not: ${some}`, { cause });
    }
    for (const block of expected.values()) {
      this.#verified.replicas += block.replication;
      this.#verified.replicaBytes += block.replication * block.bytes.length;
    }
  }

  #blocksOf(file: FsckFile): [blockId: number, ExpectedBlock][] {
    const tracked = this.#found.get(file.path);
    if (tracked === undefined) return []; // what a killed client left
    let offset = 0;
    return file.blocks.map(({ block }) => {
      const bytes = contentOf(tracked.number, offset, block.numBytes);
      offset += block.numBytes;
      return [block.blockId, { generationStamp: block.generationStamp, replication: file.replication, bytes }];
    });
  }

  /** Blocks with too few or too many good replicas on the disks, in words. */
  async #badBlocks(cluster: DatanodeDisks, expected: ReadonlyMap<number, ExpectedBlock>): Promise<string[]> {
    const found = new Map<number, { readonly good: string[]; readonly others: string[] }>();
    for (const datanode of cluster.datanodeNumbers) {
      for (const replica of await replicasOf(cluster, datanode)) {
        const block = expected.get(replica.blockId);
        if (block === undefined) continue;
        const { good, others } = found.get(replica.blockId) ?? { good: [], others: [] };
        found.set(replica.blockId, { good, others });
        const isCurrent = block.generationStamp === replica.generationStamp;
        const isGood = isCurrent && (await intactData(replica))?.equals(block.bytes) === true;
        (isGood ? good : others).push(replica.meta);
      }
    }
    const bad: string[] = [];
    for (const [blockId, { generationStamp, replication }] of expected) {
      const { good, others } = found.get(blockId) ?? { good: [], others: [] };
      if (good.length === replication) continue;
      const rest = others.length === 0 ? '' : `, and not good: ${others.join(', ')}`;
      bad.push(`${replication} of blk_${blockId}_${generationStamp} are wanted; good: ${good.join(', ')}${rest}`);
    }
    return bad;
  }

  #lose({ acknowledgedBytes }: TrackedFile, what: string): void {
    this.#verified.lostBytes += acknowledgedBytes;
    this.#options.onViolation(`LOST: ${what}`);
  }
}

interface ExpectedBlock {
  readonly generationStamp: number;
  readonly replication: number;
  readonly bytes: Buffer;
}
