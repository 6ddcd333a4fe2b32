/**
 * What was written to one file that is changed in place, in a local journal (staging-records.ts) from which it can be taken up again after the end of this
 * process. The journal is not synced: what programs want to be safe they sync themselves, and then it is in the cluster.
 */
import type { Disk, DiskFile } from '../../common/disk.js';
import { DfsError, isDfsError } from '../../common/errors.js';
import { wrapOsError } from '../../common/node-disk.js';
import type { ContentsVersion } from '../posix-namespace.js';
import { ByteRanges } from './byte-ranges.js';
import { type Extent, ExtentMap } from './extent-map.js';
import {
  type DecodedRecord,
  decodeRecord,
  encodeRecord,
  PAYLOAD_BYTES_MAX,
  RECORD_HEADER_BYTES,
  type StagingBase,
  type StagingRecord,
} from './staging-records.js';

/** What all journals of a mount may take together. */
export interface StagingBudget {
  /** @throws DfsError `NoSpace`. */
  take(bytes: number, extents: number): void;
  giveBack(bytes: number, extents: number): void;
}

/** Where a journal is. */
export interface JournalPlace {
  readonly disk: Disk;
  /** Open for reading and writing. */
  readonly file: DiskFile;
  readonly budget: StagingBudget;
}

/** Pieces of the journal with no more than that between them are read in one go. */
const READ_THROUGH_BYTES = 4096;
/** Room for the longest record, and for many short ones at a time. */
const SCAN_BYTES = 2 * (RECORD_HEADER_BYTES + PAYLOAD_BYTES_MAX);

export class StagedBytes {
  readonly base: StagingBase;
  /** Where there is anything. */
  readonly written = new ByteRanges();
  /** Versions that the file may have got from here. */
  readonly commits: ContentsVersion[] = [];
  readonly #disk: Disk;
  readonly #file: DiskFile;
  readonly #budget: StagingBudget;
  readonly #salt: number;
  readonly #extents = new ExtentMap();
  /** Of the journal: behind its last whole record. */
  #end = 0;
  /** Of the file: after what was written to it. */
  #length: number;
  #keptBytes: number;
  #takenBytes = 0;
  #takenExtents = 0;

  private constructor({ disk, file, budget }: JournalPlace, base: StagingBase, salt: number) {
    this.#disk = disk;
    this.#file = file;
    this.#budget = budget;
    this.base = base;
    this.#salt = salt;
    this.#length = base.version.length;
    this.#keptBytes = base.version.length;
  }

  /** Begins a journal in an empty file. @throws DfsError `NoSpace`. */
  static async begin(place: JournalPlace, base: StagingBase, salt: number): Promise<StagedBytes> {
    const staged = new StagedBytes(place, base, salt);
    await staged.#append({ kind: 'base', base });
    return staged;
  }

  /** Takes up a journal as far as it is whole; undefined when not even its beginning is. */
  static async load(place: JournalPlace): Promise<StagedBytes | undefined> {
    let staged: StagedBytes | undefined;
    for await (const { record, salt, offset, bytes } of records(place.file)) {
      const current = record.kind === 'base' ? new StagedBytes(place, record.base, salt) : staged;
      if (current !== undefined) current.#apply(record, offset, bytes);
      staged = current;
    }
    return staged;
  }

  /** Bytes that the file has now. */
  get length(): number {
    return this.#length;
  }

  /** Bytes of the old contents that count, from the start on: what was cut off once does not come back. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  get hasChanges(): boolean {
    const { length } = this.base.version;
    return !this.written.isEmpty || this.#length !== length || this.#keptBytes < length;
  }

  /** Bytes of the journal. */
  get journalBytes(): number {
    return this.#end;
  }

  /** @throws DfsError `NoSpace`: then the first bytes may be written. */
  async write(position: number, data: Buffer): Promise<void> {
    for (let at = 0; at < data.length; at += PAYLOAD_BYTES_MAX) {
      await this.#append({ kind: 'write', position: position + at, data: data.subarray(at, at + PAYLOAD_BYTES_MAX) });
    }
  }

  /** @throws DfsError `NoSpace`. */
  async setLength(length: number): Promise<void> {
    await this.#append({ kind: 'length', length });
  }

  /** To be called before the file gets this version from here: who takes up the journal then knows that all is done. */
  async committing(version: ContentsVersion): Promise<void> {
    try {
      await this.#append({ kind: 'commit', version });
    } catch (error) {
      if (!isDfsError(error, 'NoSpace')) throw error; // a full disk must not hold up what will free it
    }
  }

  /** Fills `target` from `position` on; all of it must have been written. */
  async readInto(target: Buffer, position: number): Promise<void> {
    for (const run of runs(this.#extents.within(position, position + target.length))) {
      const [first, last] = [run[0] as Extent, run.at(-1) as Extent];
      const into = (extent: Extent) => target.subarray(extent.start - position, extent.end - position);
      if (run.length === 1) {
        await this.#read(into(first), first.offset);
        continue;
      }
      const bytes = Buffer.allocUnsafe(last.offset + last.end - last.start - first.offset);
      await this.#read(bytes, first.offset);
      for (const extent of run) bytes.copy(into(extent), 0, extent.offset - first.offset);
    }
  }

  /** The journal goes when it is closed: nobody else will need it. */
  async removeName(): Promise<void> {
    await this.#disk.remove(this.#file.path);
  }

  /** A journal that has its name stays for the next mount. */
  async close(): Promise<void> {
    this.#budget.giveBack(this.#takenBytes, this.#takenExtents);
    this.#takenBytes = 0;
    this.#takenExtents = 0;
    await this.#file.close();
  }

  async #append(record: StagingRecord): Promise<void> {
    const buffers = encodeRecord(record, this.#salt, this.#end);
    const bytes = buffers.reduce((sum, { length }) => sum + length, 0);
    const extents = record.kind === 'write' ? 1 : 0;
    this.#budget.take(bytes, extents);
    try {
      await this.#file.write(buffers, this.#end);
    } catch (error) {
      this.#budget.giveBack(bytes, extents);
      throw wrapOsError(error, 'write', this.#file.path); // what stands there of the record is overwritten by the next one
    }
    this.#takenBytes += bytes;
    this.#takenExtents += extents;
    this.#apply(record, this.#end, bytes);
  }

  #apply(record: StagingRecord, offset: number, bytes: number): void {
    this.#end = offset + bytes;
    if (record.kind === 'write') this.#applyWrite(record.position, record.data.length, offset + RECORD_HEADER_BYTES);
    else if (record.kind === 'length') this.#applyLength(record.length);
    else if (record.kind === 'commit') this.commits.push(record.version);
  }

  #applyWrite(position: number, length: number, offset: number): void {
    this.#extents.put(position, position + length, offset);
    this.written.add(position, position + length);
    this.#length = Math.max(this.#length, position + length);
  }

  #applyLength(length: number): void {
    this.#extents.cut(length);
    this.written.cut(length);
    this.#keptBytes = Math.min(this.#keptBytes, length);
    this.#length = length;
  }

  async #read(target: Buffer, offset: number): Promise<void> {
    if ((await this.#file.read(target, offset)) < target.length)
      throw new DfsError('Internal', `${this.#file.path} is shorter than what was written to it`);
  }
}

/** Extents that follow each other in the journal as they do in the file. */
function* runs(extents: readonly Extent[]): Generator<readonly Extent[]> {
  let run: Extent[] = [];
  for (const extent of extents) {
    const last = run.at(-1);
    const gap = last === undefined ? 0 : extent.offset - last.offset - (last.end - last.start);
    const first = run[0] ?? extent;
    if (gap < 0 || gap > READ_THROUGH_BYTES || extent.offset - first.offset > PAYLOAD_BYTES_MAX) {
      yield run;
      run = [];
    }
    run.push(extent);
  }
  if (run.length > 0) yield run;
}

/** The whole records of a journal, in order. */
async function* records(file: DiskFile): AsyncGenerator<DecodedRecord & { readonly offset: number }> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(SCAN_BYTES, await file.size()));
  let [start, filled, salt] = [0, 0, undefined as number | undefined];
  for (let offset = 0; ; ) {
    const found = decodeRecord(buffer.subarray(offset - start, filled), offset, salt);
    if (found !== undefined) {
      yield { ...found, offset };
      salt = found.salt;
      offset += found.bytes;
      continue;
    }
    if (filled > 0 && offset === start) return; // a full buffer holds any record
    start = offset;
    filled = await file.read(buffer, start);
    if (filled === 0) return;
  }
}
