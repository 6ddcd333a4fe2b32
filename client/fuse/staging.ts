/** Local files for bytes that cannot go to the cluster as a stream. They have no name, so nothing of them is left behind. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Disk, DiskFile } from '../../common/disk.js';
import { DfsError } from '../../common/errors.js';
import { formatSize } from '../../common/units.js';
import { ByteRanges } from './byte-ranges.js';

export class StagingArea {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly limitBytes: number;
  #usedBytes = 0;

  constructor(disk: Disk, directory: string, limitBytes: number) {
    this.#disk = disk;
    this.#directory = directory;
    this.limitBytes = limitBytes;
  }

  async newFile(): Promise<StagedBytes> {
    await this.#disk.makeDirectory(this.#directory);
    const path = join(this.#directory, `staged-${randomUUID()}`);
    const file = await this.#disk.open(path, 'create');
    await this.#disk.remove(path);
    return new StagedBytes(file, this);
  }

  /** @throws DfsError `NoSpace` when all staged files together would be larger than allowed. */
  take(bytes: number): void {
    if (this.#usedBytes + bytes > this.limitBytes) {
      throw new DfsError(
        'NoSpace',
        `changed files have more than ${formatSize(this.limitBytes)} that is not in the cluster yet (dfs.client.mount.staging.size)`,
      );
    }
    this.#usedBytes += bytes;
  }

  giveBack(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}

/** What was written to one file. */
export class StagedBytes {
  /** Where there is anything. */
  readonly written = new ByteRanges();
  readonly #file: DiskFile;
  readonly #area: StagingArea;
  #usedBytes = 0;

  constructor(file: DiskFile, area: StagingArea) {
    this.#file = file;
    this.#area = area;
  }

  async write(position: number, data: Buffer): Promise<void> {
    const end = position + data.length;
    const fresh = this.written.gaps(position, end).reduce((sum, gap) => sum + gap.end - gap.start, 0);
    this.#area.take(fresh);
    this.#usedBytes += fresh;
    await this.#file.write([data], position);
    this.written.add(position, end);
  }

  /** Fills `target` from `position` on; all of it must have been written. */
  async readInto(target: Buffer, position: number): Promise<void> {
    if ((await this.#file.read(target, position)) < target.length) {
      throw new DfsError('Internal', 'a staging file is shorter than what was written to it');
    }
  }

  cut(position: number): void {
    this.written.cut(position);
  }

  async close(): Promise<void> {
    this.#area.giveBack(this.#usedBytes);
    this.#usedBytes = 0;
    await this.#file.close();
  }
}
