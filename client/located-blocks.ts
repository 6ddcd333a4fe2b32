/** The blocks of one open file and where they are: asked for in pieces, as far as they are read, and kept up to a limit. */
import { DfsError, isDfsError } from '../common/errors.js';
import type { ClientContext } from './context.js';
import { visibleLengthOf } from './open-block.js';
import { pause } from './pause.js';
import { required, toBlockLocation, toFileStatus } from './rpc/messages.js';
import type { BlockLocation, FileStatus } from './types.js';

/** How much of a file one question covers. HDFS asks for ten blocks at a time. */
const PREFETCH_BYTES = 1024 ** 3;

/** More are forgotten, and asked for again when they are needed: memory must not grow with the file. */
const MAX_KEPT_BLOCKS = 4096;

/** How often, and after how long, the length of a file is asked for that nobody can give. HDFS: dfs.client.retry.*.get-last-block-length. */
const LENGTH_ATTEMPTS = 3;
const LENGTH_PAUSE_MS = 4_000;

export class LocatedBlocks {
  readonly #context: ClientContext;
  readonly #path: string;
  readonly #fileId: number;
  readonly #kept = new Map<number, BlockLocation>();
  /** Length of the file when it was opened, with what was acknowledged of a block that was being written then. */
  readonly fileLength: number;
  /** Of the file when it was opened, if it was asked for. */
  readonly status: FileStatus | undefined;

  private constructor(context: ClientContext, path: string, page: Page, fileLength: number) {
    this.#context = context;
    this.#path = path;
    this.#fileId = page.fileId;
    this.fileLength = fileLength;
    this.status = page.status;
    this.#keep(page);
  }

  /** @throws DfsError `FileNotFound`, `IsADirectory`, `BlockMissing` when nobody knows how long a file is that is being written. */
  static async open(
    context: ClientContext,
    path: string,
    signal: AbortSignal,
    withStatus = false,
  ): Promise<LocatedBlocks> {
    for (let attempt = 1; ; attempt++) {
      const page = await fetchPage(context, path, 0, signal, withStatus);
      try {
        return new LocatedBlocks(context, path, page, await visibleFileLength(context, path, page, signal));
      } catch (error) {
        if (!isDfsError(error, 'BlockMissing') || attempt >= LENGTH_ATTEMPTS) throw error;
        await pause(context.clock, LENGTH_PAUSE_MS, signal, `opening ${path}`);
      }
    }
  }

  /** The block that holds the byte at `offset`, which is below {@link fileLength}. */
  async at(offset: number, signal: AbortSignal): Promise<BlockLocation> {
    return this.#find(offset) ?? (await this.refresh(offset, signal));
  }

  /** The same, as the NameNode knows it now. @throws DfsError `FileNotFound` when the file was replaced by another. */
  async refresh(offset: number, signal: AbortSignal): Promise<BlockLocation> {
    const page = await fetchPage(this.#context, this.#path, offset, signal);
    if (page.fileId !== this.#fileId) {
      throw new DfsError('FileNotFound', `${this.#path} was replaced by another file while it was read; open it again`);
    }
    this.#keep(page);
    const found = this.#find(offset);
    if (found === undefined)
      throw new DfsError('BlockMissing', `the NameNode knows no block of ${this.#path} at offset ${offset}`);
    return found;
  }

  #find(offset: number): BlockLocation | undefined {
    for (const block of this.#kept.values()) {
      if (offset >= block.offset && offset < block.offset + block.length) return block;
    }
    return undefined;
  }

  #keep({ blocks, lastBlock }: Page): void {
    if (this.#kept.size + blocks.length > MAX_KEPT_BLOCKS) this.#kept.clear();
    for (const block of blocks) this.#kept.set(block.offset, block);
    if (lastBlock !== undefined) this.#kept.set(lastBlock.offset, this.#withVisibleLength(lastBlock));
  }

  /** The NameNode may know less of a block that is being written than its DataNodes did when the file was opened. */
  #withVisibleLength(block: BlockLocation): BlockLocation {
    if (!block.underConstruction) return block;
    return { ...block, length: Math.max(block.length, this.fileLength - block.offset) };
  }
}

async function visibleFileLength(
  context: ClientContext,
  path: string,
  { fileLength, lastBlock }: Page,
  signal: AbortSignal,
): Promise<number> {
  if (lastBlock?.underConstruction !== true) return fileLength;
  return lastBlock.offset + (await visibleLengthOf(context, path, lastBlock, signal));
}

interface Page {
  readonly fileId: number;
  readonly fileLength: number;
  readonly blocks: readonly BlockLocation[];
  /** The last one of a file that is open for writing: it may be longer than is said here. */
  readonly lastBlock: BlockLocation | undefined;
  readonly status: FileStatus | undefined;
}

async function fetchPage(
  context: ClientContext,
  path: string,
  offset: number,
  signal: AbortSignal,
  withStatus = false,
): Promise<Page> {
  const { namenode, clientHost } = context;
  const request = { path, offset, length: PREFETCH_BYTES, clientHost, withStatus };
  const answer = await namenode.call('GetBlockLocations', request, { signal });
  const { fileId, fileLength } = answer;
  return {
    fileId,
    fileLength,
    blocks: answer.blocks.map(toBlockLocation),
    lastBlock: answer.lastBlock === null ? undefined : toBlockLocation(answer.lastBlock),
    status: withStatus ? toFileStatus(path, required(answer.status, 'the status of the file')) : undefined,
  };
}
