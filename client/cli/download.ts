/** Copies files and directories out of the cluster. */
import { chmod, chown, type FileHandle, mkdir, open, rename, stat, unlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { totalLength, withoutFirst } from '../../common/buffers.js';
import type { FileStatus } from '../types.js';
import { asPathError, isMissing, PathError, PROBLEMS } from './errors.js';
import { idOfName } from './local-users.js';
import { Pool } from './pool.js';
import { copyFile } from './print-file.js';
import type { Progress } from './progress.js';
import { childOf } from './remote-path.js';
import type { ExistingItem, Session } from './session.js';
import { temporaryPath } from './temporary-name.js';

const FILES_AT_A_TIME = 8;

export interface DownloadOptions {
  readonly overwrite: boolean;
  /** Keep times, permissions and, as far as the user may, owner and group. */
  readonly preserve: boolean;
  readonly progress: Progress;
  /** Called with everything that has been copied, a directory after what is in it. */
  readonly onCopied?: (item: ExistingItem) => Promise<void>;
}

export interface LocalTarget {
  readonly shown: string;
  readonly path: string;
}

export class Download {
  readonly #session: Session;
  readonly #options: DownloadOptions;
  readonly #pool = new Pool(FILES_AT_A_TIME);
  readonly #directories: [ExistingItem, LocalTarget][] = [];

  constructor(session: Session, options: DownloadOptions) {
    this.#session = session;
    this.#options = options;
  }

  /**
   * Runs `schedule`, which calls {@link add} for each source, and resolves when everything is copied. When it is stopped, what is
   * half done has been cleaned up before it rejects.
   */
  async run(schedule: () => Promise<void>): Promise<void> {
    await this.#pool.within(schedule);
    for (const [source, target] of this.#directories.reverse()) {
      await this.#session.attempt(target.shown, () => this.#finish(source, target.path));
    }
  }

  /** Starts copying `source` to `target`, a directory with all that is in it. Errors are told about per file. */
  async add(source: ExistingItem, target: LocalTarget): Promise<void> {
    if (source.status.type === 'DIRECTORY') await this.#addDirectory(source, target);
    else await this.#addFile(source, target);
  }

  async #addDirectory(source: ExistingItem, target: LocalTarget): Promise<void> {
    await makeDirectory(target);
    if (this.#options.preserve || this.#options.onCopied !== undefined) this.#directories.push([source, target]);
    for await (const status of (await this.#session.fs(source)).list(source.absolute)) {
      this.#session.signal.throwIfAborted();
      requirePlainName(source, status.name);
      const child = { ...childOf(source, status.name), status };
      const childTarget = { shown: join(target.shown, status.name), path: join(target.path, status.name) };
      await this.#session.attempt(childTarget.shown, () => this.add(child, childTarget));
    }
  }

  async #addFile(source: ExistingItem, target: LocalTarget): Promise<void> {
    await this.#pool.settled(target.path);
    const existing = await statIfExists(target.path);
    if (existing?.isDirectory()) throw new PathError(target.shown, PROBLEMS.isDirectory);
    const isSpecial = existing !== undefined && !existing.isFile(); // /dev/null, a named pipe: written to, never replaced
    if (existing !== undefined && !isSpecial && !this.#options.overwrite)
      throw new PathError(target.shown, PROBLEMS.exists);
    this.#options.progress.expect(source.status.length);
    await this.#pool.run(target.path, () =>
      this.#session.attempt(source.shown, async () => {
        if (isSpecial) await this.#fill(source, target, await open(target.path, 'w'));
        else await this.#copyFile(source, target);
      }),
    );
  }

  async #copyFile(source: ExistingItem, target: LocalTarget): Promise<void> {
    const path = temporaryPath(target.path);
    try {
      await this.#fill(source, target, await open(path, 'w').catch(localPathError(target)));
      await this.#finish(source, path);
      await rename(path, target.path).catch(localPathError(target));
    } catch (error) {
      await unlink(path).catch(() => undefined); // the first error is the one to tell
      throw error;
    }
  }

  async #fill(source: ExistingItem, target: LocalTarget, file: FileHandle): Promise<void> {
    try {
      await copyFile(this.#session, source, async (buffers) => {
        await writeAll(file, buffers).catch(localPathError(target));
        this.#options.progress.advance(totalLength(buffers));
      });
    } finally {
      await file.close();
    }
  }

  async #finish(source: ExistingItem, path: string): Promise<void> {
    if (this.#options.preserve) await preserve(source.status, path);
    await this.#options.onCopied?.(source);
  }
}

/** Names come over the wire: one like `../x` would lead out of the directory that the user gave. */
function requirePlainName(directory: ExistingItem, name: string): void {
  if (name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name)) return;
  throw new PathError(directory.shown, `the NameNode gave the impossible name '${name}' for an entry`);
}

async function writeAll(file: FileHandle, buffers: readonly Uint8Array[]): Promise<void> {
  for (let rest = buffers; rest.length > 0; ) rest = withoutFirst(rest, (await file.writev(rest)).bytesWritten);
}

async function preserve(status: FileStatus, path: string): Promise<void> {
  await chmod(path, status.mode & 0o1777);
  const [uid, gid] = [idOfName('passwd', status.owner), idOfName('group', status.group)];
  await chown(path, uid ?? -1, gid ?? -1).catch(() => undefined); // only root may give files away
  await utimes(path, status.accessTimeMs / 1000, status.modificationTimeMs / 1000);
}

async function makeDirectory({ path, shown }: LocalTarget): Promise<void> {
  const existing = await statIfExists(path);
  if (existing === undefined) await mkdir(path).catch(localPathError({ path, shown }));
  else if (!existing.isDirectory()) throw new PathError(shown, PROBLEMS.isNotDirectory);
}

export async function statIfExists(path: string): Promise<Awaited<ReturnType<typeof stat>> | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** For `catch`: throws the operating system's error as one of the local target, rather than of the source that is being copied. */
function localPathError({ shown }: LocalTarget): (error: unknown) => never {
  return (error) => {
    throw asPathError(error, shown);
  };
}
