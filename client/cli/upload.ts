/** Copies local files and directories into the cluster. */
import type { FileWriter } from '../file-writer.js';
import { PathError, PROBLEMS } from './errors.js';
import { isSameFile, LINK_LOOP, type LocalItem, localEntries } from './local-files.js';
import { piecesOf } from './local-pieces.js';
import { nameOfId } from './local-users.js';
import { Pool } from './pool.js';
import type { Progress } from './progress.js';
import { childOf, type RemotePath } from './remote-path.js';
import type { RemoteFileSystem, RemoteItem, Session } from './session.js';
import { clusterPathError, type WriteOptions, writeRemoteFile } from './write-remote.js';

/** Files that are copied at a time. For small files the time goes into waiting for disks and answers, so several hide it. */
const FILES_AT_A_TIME = 8;

export interface UploadOptions extends WriteOptions {
  /** Keep times, owner, group and permissions. */
  readonly preserve: boolean;
  readonly progress: Progress;
  /** Called with everything that has been copied, a directory after what is in it. */
  readonly onCopied?: (item: LocalItem) => Promise<void>;
}

export class Upload {
  readonly #session: Session;
  readonly #fs: RemoteFileSystem;
  readonly #options: UploadOptions;
  readonly #pool = new Pool(FILES_AT_A_TIME);
  /** Directories to finish when all their files are there. */
  readonly #directories: [LocalItem, RemotePath][] = [];

  constructor(session: Session, fs: RemoteFileSystem, options: UploadOptions) {
    this.#session = session;
    this.#fs = fs;
    this.#options = options;
  }

  /**
   * Runs `schedule`, which calls {@link add} for each source, and resolves when everything is copied. When it is stopped, what is
   * half done has been cleaned up before it rejects.
   */
  async run(schedule: () => Promise<void>): Promise<void> {
    await this.#pool.within(schedule);
    for (const [source, target] of this.#directories.reverse()) {
      await this.#session.attempt(source.shown, () => this.#finishDirectory(source, target));
    }
  }

  /** Starts copying `source` to `target`, a directory with all that is in it. Errors are told about per file. */
  async add(source: LocalItem, target: RemoteItem): Promise<void> {
    if (source.stats.isDirectory()) await this.#addDirectory(source, target, []);
    else await this.#addFile(source, target, target.status);
  }

  async #addDirectory(source: LocalItem, target: RemoteItem, parents: readonly LocalItem[]): Promise<void> {
    if (parents.some((parent) => isSameFile(parent, source))) throw new PathError(source.shown, LINK_LOOP);
    if (target.status !== undefined && target.status.type !== 'DIRECTORY') {
      throw new PathError(target.shown, PROBLEMS.isNotDirectory);
    }
    const isNew = target.status === undefined;
    if (isNew) await this.#fs.mkdir(target.absolute, { parents: false }).catch(clusterPathError(target));
    if (this.#options.preserve || this.#options.onCopied !== undefined) this.#directories.push([source, target]);
    for await (const entry of localEntries(this.#session, source)) {
      this.#session.signal.throwIfAborted();
      const child = childOf(target, entry.shown.slice(entry.shown.lastIndexOf('/') + 1));
      await this.#session.attempt(entry.shown, async () => {
        // Nothing can be in a directory that was made just now: no need to ask.
        const item = isNew ? { ...child, status: undefined } : await this.#session.stat(child);
        if (entry.stats.isDirectory()) await this.#addDirectory(entry, item, [...parents, source]);
        else await this.#addFile(entry, item, item.status);
      });
    }
  }

  async #addFile(source: LocalItem, target: RemotePath, existing: RemoteItem['status']): Promise<void> {
    if (existing?.type === 'DIRECTORY') throw new PathError(target.shown, PROBLEMS.isDirectory);
    if (existing !== undefined && !this.#options.overwrite) throw new PathError(target.shown, PROBLEMS.exists);
    this.#options.progress.expect(source.stats.isFile() ? source.stats.size : 0);
    await this.#pool.run(target.absolute, () =>
      this.#session.attempt(source.shown, () => this.#copyFile(source, target)),
    );
  }

  async #copyFile(source: LocalItem, target: RemotePath): Promise<void> {
    const { signal } = this.#session;
    const fill = async (writer: FileWriter): Promise<void> => {
      for await (const bytes of piecesOf(source, signal)) {
        await writer.write(bytes);
        this.#options.progress.advance(bytes.length);
      }
    };
    const preserve = this.#options.preserve ? (path: string) => this.#preserve(source, path) : undefined;
    await writeRemoteFile(this.#fs, target, { ...this.#options, signal }, fill, preserve);
    await this.#options.onCopied?.(source);
  }

  async #finishDirectory(source: LocalItem, target: RemotePath): Promise<void> {
    if (this.#options.preserve) await this.#preserve(source, target.absolute).catch(clusterPathError(target));
    await this.#options.onCopied?.(source);
  }

  async #preserve({ stats }: LocalItem, path: string): Promise<void> {
    await this.#fs.setPermission(path, stats.mode & 0o1777);
    const [owner, group] = [nameOfId('passwd', stats.uid), nameOfId('group', stats.gid)];
    await this.#fs.setOwner(path, { owner, group });
    await this.#fs.setTimes(path, {
      modificationTimeMs: Math.max(0, Math.floor(stats.mtimeMs)),
      accessTimeMs: Math.max(0, Math.floor(stats.atimeMs)),
    });
  }
}
