import { checkDestination } from '../destination.js';
import { PathError, PROBLEMS } from '../errors.js';
import { expandAll } from '../get.js';
import { Pool } from '../pool.js';
import { copyFile } from '../print-file.js';
import { refuseOverlap, remoteDestination, remoteTarget, splitDestination } from '../remote-destination.js';
import { childOf, nameOf } from '../remote-path.js';
import type { ExistingItem, RemoteItem, Session } from '../session.js';
import { COPY_CLEAN_UP_MS, defineVerb } from '../verb.js';
import { clusterPathError, writeRemoteFile } from '../write-remote.js';

const FILES_AT_A_TIME = 4;

interface Options {
  readonly force?: true;
  readonly preserve?: true;
  readonly direct?: true;
}

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description(
        'Copy files and directories within the cluster. Several sources need a directory as the destination.',
      )
      .usage('[options] <path...> <destination>')
      .argument('<path...>')
      .option('-f, --force', 'replace files that exist')
      .option('-p, --preserve', 'keep times, owner, group and permissions')
      .option('-d, --direct', 'write to the final name at once');
  },
  cleanUpMs: COPY_CLEAN_UP_MS,
  async run(session, args, options) {
    const { sources, destination: destinationArg } = splitDestination(args);
    const items = await expandAll(session, sources);
    const destination = await session.destination(destinationArg);
    if (items.length > 0)
      await checkDestination(remoteDestination(session, destination), items.length, options.force === true);
    const copy = new Copy(session, options);
    await copy.run(items, destination);
  },
});

class Copy {
  readonly #session: Session;
  readonly #options: Options;
  readonly #pool = new Pool(FILES_AT_A_TIME);
  /** Their times are set last: what is copied into them changes them. */
  readonly #directories: [ExistingItem, RemoteItem][] = [];

  constructor(session: Session, options: Options) {
    this.#session = session;
    this.#options = options;
  }

  async run(sources: readonly ExistingItem[], destination: RemoteItem): Promise<void> {
    await this.#pool.within(async () => {
      for (const source of sources) {
        await this.#session.attempt(source.shown, async () => {
          const target = await remoteTarget(this.#session, destination, nameOf(source));
          refuseOverlap(source, target);
          await this.#add(source, target);
        });
      }
    });
    for (const [source, target] of this.#directories.reverse()) {
      await this.#session.attempt(target.shown, () => this.#preserve(source, target, target.absolute));
    }
  }

  async #add(source: ExistingItem, target: RemoteItem): Promise<void> {
    if (source.status.type !== 'DIRECTORY') {
      refuseExisting(target, this.#options.force === true);
      await this.#pool.run(target.absolute, () =>
        this.#session.attempt(source.shown, () => this.#copyFile(source, target)),
      );
      return;
    }
    if (target.status !== undefined && target.status.type !== 'DIRECTORY')
      throw new PathError(target.shown, PROBLEMS.isNotDirectory);
    if (target.status === undefined) {
      await (await this.#session.fs(target)).mkdir(target.absolute, { parents: false }).catch(clusterPathError(target));
    }
    if (this.#options.preserve) this.#directories.push([source, target]);
    for await (const status of (await this.#session.fs(source)).list(source.absolute)) {
      this.#session.signal.throwIfAborted();
      const child = { ...childOf(source, status.name), status };
      const childTarget = childOf(target, status.name);
      await this.#session.attempt(child.shown, async () => {
        await this.#add(
          child,
          target.status === undefined ? { ...childTarget, status: undefined } : await this.#session.stat(childTarget),
        );
      });
    }
  }

  async #copyFile(source: ExistingItem, target: RemoteItem): Promise<void> {
    const { signal } = this.#session;
    const options = { overwrite: this.#options.force === true, direct: this.#options.direct === true, signal };
    await writeRemoteFile(
      await this.#session.fs(target),
      target,
      options,
      async (writer) => {
        await copyFile(this.#session, source, async (buffers) => {
          for (const bytes of buffers) await writer.write(bytes);
        });
      },
      this.#options.preserve ? (path) => this.#preserve(source, target, path) : undefined,
    );
  }

  async #preserve({ status }: ExistingItem, target: RemoteItem, path: string): Promise<void> {
    const fs = await this.#session.fs(target);
    const { mode, owner, group, modificationTimeMs, accessTimeMs } = status;
    await fs.setPermission(path, mode);
    await fs.setOwner(path, { owner, group });
    await fs.setTimes(path, { modificationTimeMs, accessTimeMs });
  }
}

function refuseExisting(target: RemoteItem, overwrite: boolean): void {
  if (target.status?.type === 'DIRECTORY') throw new PathError(target.shown, PROBLEMS.isDirectory);
  if (target.status !== undefined && !overwrite) throw new PathError(target.shown, PROBLEMS.exists);
}
