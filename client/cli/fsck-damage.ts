/** `dfs fsck -move` and `-delete`: what is done about files that have lost blocks. As in HDFS, files that are being written are left alone. */
import type { FileWriter, FsckBlock, FsckFile, FsckStep } from '../index.js';
import type { RemoteFileSystem, Session } from './session.js';

/** Where HDFS puts what is left. */
export const LOST_AND_FOUND = '/lost+found';

export interface Treatment {
  /** Copy what can be read to {@link LOST_AND_FOUND}. */
  readonly move?: boolean;
  /** Remove the file; after the copy, when both are asked for. */
  readonly delete?: boolean;
}

/** Whether no replica of the block can be read. */
export function isLost({ replicas, underConstruction }: FsckBlock): boolean {
  return !underConstruction && replicas.every(({ state }) => state === 'CORRUPT');
}

/**
 * The same steps; files that have lost blocks are treated once their step has been taken.
 * @param say for a line about what was done.
 */
export async function* treatDamage(
  session: Session,
  fs: RemoteFileSystem,
  steps: AsyncIterable<FsckStep>,
  treatment: Treatment,
  say: (line: string) => Promise<void>,
): AsyncGenerator<FsckStep> {
  for await (const step of steps) {
    yield step;
    if (step.kind !== 'file' || step.file.underConstruction || !step.file.blocks.some(isLost)) continue;
    const { path } = step.file;
    await session.attempt(path, async () => {
      if (treatment.move === true) {
        const chains = await salvage(session, fs, step.file);
        await say(
          `${path}: copied what can be read to ${LOST_AND_FOUND}${path} (${chains} ${chains === 1 ? 'file' : 'files'}).`,
        );
      }
      if (treatment.delete === true && (await fs.delete(path))) await say(`${path}: deleted.`);
    });
  }
}

/** Copies each run of blocks that can be read to a file of its own: `/lost+found/<path>/0`, `1`, …; returns how many there are. */
async function salvage(session: Session, fs: RemoteFileSystem, { path, blocks }: FsckFile): Promise<number> {
  const directory = `${LOST_AND_FOUND}${path}`;
  await fs.mkdir(directory);
  const { blockSize } = await fs.stat(path);
  const chains = new Chains(session, fs, directory, blockSize);
  let offset = 0;
  for (const block of blocks) {
    const { numBytes } = block.block;
    if (isLost(block)) await chains.end();
    else if (numBytes > 0) await chains.add(path, offset, numBytes);
    offset += numBytes;
  }
  await chains.end();
  return chains.count;
}

class Chains {
  count = 0;
  readonly #session: Session;
  readonly #fs: RemoteFileSystem;
  readonly #directory: string;
  readonly #blockSize: number;
  #writer: FileWriter | undefined;
  /** Bytes of whole blocks in the chain that is being written. */
  #wholeBytes = 0;

  constructor(session: Session, fs: RemoteFileSystem, directory: string, blockSize: number) {
    this.#session = session;
    this.#fs = fs;
    this.#directory = directory;
    this.#blockSize = blockSize;
  }

  /** Adds the block that begins at `offset`; when it cannot be read after all, the chain ends before it. */
  async add(path: string, offset: number, length: number): Promise<void> {
    const { signal } = this.#session;
    const reader = await this.#fs.open(path, { signal });
    const writer = await this.#open();
    try {
      for await (const piece of readable(reader.stream({ start: offset, end: offset + length - 1 }, { signal })))
        await writer.write(piece);
      this.#wholeBytes += length;
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      await this.#session.fail(error.cause, path);
      await this.#cutBack();
    } finally {
      await reader.close();
    }
  }

  /** The chain that is being written, if any, is complete. */
  async end(): Promise<void> {
    await this.#writer?.close();
    this.#writer = undefined;
  }

  async #open(): Promise<FileWriter> {
    if (this.#writer !== undefined) return this.#writer;
    const { signal } = this.#session;
    this.#wholeBytes = 0;
    this.#writer = await this.#fs.create(this.#chainPath(this.count++), {
      overwrite: true,
      blockSize: this.#blockSize,
      signal,
    });
    return this.#writer;
  }

  /** Ends the chain with its last whole block. That is the end of a block of the chain, too, so that no replica has to be cut. */
  async #cutBack(): Promise<void> {
    await this.end();
    const path = this.#chainPath(this.count - 1);
    if (this.#wholeBytes > 0) await this.#fs.truncate(path, this.#wholeBytes);
    else {
      await this.#fs.delete(path);
      this.count--;
    }
  }

  #chainPath(number: number): string {
    return `${this.#directory}/${number}`;
  }
}

/** Reading failed, and not what was done with the bytes. */
class Unreadable extends Error {}

async function* readable(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const iterator = pieces[Symbol.asyncIterator]();
  for (;;) {
    let next: IteratorResult<Buffer>;
    try {
      next = await iterator.next();
    } catch (cause) {
      throw new Unreadable('the block cannot be read', { cause });
    }
    if (next.done) return;
    yield next.value;
  }
}
