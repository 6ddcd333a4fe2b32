/** One client under load: puts, appends, renames, deletes and reads files in a directory of its own. */
import { type DfsError, type ErrorName, FileSystem, isDfsError } from '../../client/index.js';
import { sleep, systemClock } from '../../common/clock.js';
import { loadConfiguration } from '../../common/config/configuration.js';
import type { Random } from '../../common/random.js';
import { sha256 } from '../cluster/support/files.js';
import { contentOf, sha256OfContent } from './content.js';
import type { Manifest, TrackedFile } from './manifest.js';

/** With these an operation may end while processes die. Any other error would be a wrong answer, as nobody else uses the files. */
const EXPECTED: readonly ErrorName[] = [
  'ConnectionLost',
  'Timeout',
  'PipelineFailed',
  'NoTargets',
  'NotReplicatedYet',
  'NoSpace', // the NameNode's disk has just filled up; it is in safe mode from then on
  'SafeMode',
  'RetryLater',
  'Overloaded',
  'BlockMissing',
];

/** No more are kept, so that the verification at the end takes a bounded time. */
const FILES_MAX = 40;
const FILE_BYTES_MAX = 600_000;
/** Safe mode refuses at once: it would be asked thousands of times. */
const AFTER_FAILURE_MS = 200;
const BLOCK_SIZES = [64 * 1024, 256 * 1024, 1024 * 1024];

export interface WriterOptions {
  readonly namenode: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly random: Random;
  readonly manifest: Manifest;
  /** Of this writer alone. */
  readonly directory: string;
  /** Numbers for files that no other writer uses. */
  readonly nextNumber: () => number;
  /** Called with what must not happen. */
  readonly onViolation: (what: string) => void;
}

export class Writer {
  readonly #options: WriterOptions;
  readonly #fs: FileSystem;
  /** Files that are not in doubt. */
  #files: TrackedFile[] = [];

  private constructor(options: WriterOptions, fs: FileSystem) {
    this.#options = options;
    this.#fs = fs;
  }

  static async connect(options: WriterOptions): Promise<Writer> {
    const configuration = loadConfiguration({ overrides: options.settings });
    return new Writer(options, await FileSystem.connect({ namenode: options.namenode, configuration }));
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) await this.#oneOperation();
    } finally {
      await this.#fs.close();
    }
  }

  async #oneOperation(): Promise<void> {
    const { random } = this.#options;
    const file = this.#files.length === 0 ? undefined : this.#files[random.int(this.#files.length)];
    if (file === undefined || this.#files.length < 5) return await this.#put();
    if (this.#files.length > FILES_MAX) return await this.#delete(file);
    const dice = random.int(100);
    if (dice < 35) await this.#put();
    else if (dice < 55) await this.#append(file);
    else if (dice < 70) await this.#rename(file);
    else if (dice < 80) await this.#delete(file);
    else await this.#read(file);
  }

  async #put(): Promise<void> {
    const { random, manifest, directory, nextNumber } = this.#options;
    const number = nextNumber();
    const file: TrackedFile = {
      number,
      paths: [`${directory}/${number}`],
      mayBeAbsent: true,
      acknowledgedBytes: 0,
      attemptedBytes: 0,
      inDoubt: false,
    };
    await this.#change(file, 'put', async (path) => {
      manifest.files.add(file);
      const writer = await this.#fs.create(path, { blockSize: BLOCK_SIZES[random.int(BLOCK_SIZES.length)] });
      file.mayBeAbsent = false;
      await this.#fill(writer, file, random.int(FILE_BYTES_MAX));
    });
    if (!file.inDoubt) this.#files.push(file);
  }

  async #append(file: TrackedFile): Promise<void> {
    await this.#change(file, 'append', async (path) => {
      await this.#fill(await this.#fs.append(path), file, this.#options.random.int(FILE_BYTES_MAX / 4));
    });
  }

  /** Writes so many bytes behind those that are there, in pieces, some of them flushed, and closes the file. */
  async #fill(writer: Awaited<ReturnType<FileSystem['create']>>, file: TrackedFile, bytes: number): Promise<void> {
    const { random } = this.#options;
    const end = file.acknowledgedBytes + bytes;
    while (file.attemptedBytes < end) {
      const piece = Math.min(end - file.attemptedBytes, 1 + random.int(200_000));
      const at = file.attemptedBytes;
      file.attemptedBytes += piece;
      await writer.write(contentOf(file.number, at, piece), { handOver: true });
      if (random.int(8) !== 0) continue;
      await (random.int(2) === 0 ? writer.hflush() : writer.hsync());
      file.acknowledgedBytes = file.attemptedBytes;
    }
    await writer.close();
    file.acknowledgedBytes = file.attemptedBytes;
  }

  async #rename(file: TrackedFile): Promise<void> {
    const target = `${this.#options.directory}/${this.#options.nextNumber()}-renamed`;
    await this.#change(file, 'rename', async (path) => {
      file.paths = [path, target];
      await this.#fs.rename(path, target);
      file.paths = [target];
      this.#options.manifest.gone.add(path);
    });
  }

  async #delete(file: TrackedFile): Promise<void> {
    const { manifest } = this.#options;
    await this.#change(file, 'delete', async (path) => {
      file.mayBeAbsent = true;
      const deleted = await this.#fs.delete(path);
      if (!deleted) this.#options.onViolation(`${path} was acknowledged, but there was nothing to delete`);
      manifest.files.delete(file);
      manifest.gone.add(path);
      this.#files = this.#files.filter((each) => each !== file);
    });
  }

  /** Reading may fail while all replicas are away, but must not give wrong bytes. */
  async #read(file: TrackedFile): Promise<void> {
    const { manifest, onViolation } = this.#options;
    const path = file.paths[0] ?? '';
    try {
      const parts: Buffer[] = [];
      for await (const part of this.#fs.createReadStream(path)) parts.push(part as Buffer);
      const data = Buffer.concat(parts);
      if (data.length !== file.acknowledgedBytes || sha256(data) !== sha256OfContent(file.number, data.length))
        onViolation(`${path} gave ${data.length} bytes that are not its ${file.acknowledgedBytes}`);
      manifest.acknowledged('get');
    } catch (error) {
      manifest.notAnswered(this.#expected(error, `reading ${path}`));
      await sleep(systemClock, AFTER_FAILURE_MS);
    }
  }

  async #change(file: TrackedFile, operation: string, action: (path: string) => Promise<void>): Promise<void> {
    const { manifest } = this.#options;
    const path = file.paths[0] ?? '';
    try {
      await action(path);
      manifest.acknowledged(operation);
    } catch (error) {
      file.inDoubt = true;
      this.#files = this.#files.filter((each) => each !== file);
      manifest.notAnswered(this.#expected(error, `${operation} ${path}`));
      await sleep(systemClock, AFTER_FAILURE_MS);
    }
  }

  /** Returns its name. */
  #expected(error: unknown, what: string): string {
    if (!isDfsError(error, ...EXPECTED)) this.#options.onViolation(`${what}: ${String(error)}`);
    return (error as DfsError).name;
  }
}
