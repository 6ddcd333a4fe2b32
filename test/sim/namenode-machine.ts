/**
 * A machine with a real NameNode: the edit log lies on a simulated disk, the SQLite files in a real directory in memory, as SQLite does
 * its own file operations. A crash copies them as they are; a power cut also cuts the write-ahead log somewhere after the last part that
 * SQLite had synced, which is what SQLite promises to find its way back from.
 */
import { copyFileSync, existsSync, mkdirSync, rmSync, statSync, symlinkSync, truncateSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { type Configuration, loadConfiguration } from '../../common/config/configuration.js';
import type { Disk } from '../../common/disk.js';
import type { Random } from '../../common/random.js';
import { NamenodeCore, superuserName } from '../../namenode/namenode-core.js';
import { GroupFiles } from '../../namenode/storage/group-files.js';
import { formatNameDirectory, type NameDirectory, openNameDirectory } from '../../namenode/storage/name-directory.js';
import type { FoldRequest } from '../../namenode/storage/wal-folder.js';
import type { CrashKind, SimulatedDisk } from './disk.js';
import type { Life } from './life.js';
import { Machine, type Surroundings } from './machine.js';
import { type ClockError, EPOCH_MS } from './process-clock.js';
import type { World } from './world.js';

export const NAMENODE_ADDRESS = 'nn:8020';
const CLUSTER_ID = 'CID-simulation';
const DATABASE_FILES = ['namespace.db', 'namespace.db-wal'] as const;
/** Small, so that a run has many. */
const SEGMENT_BYTES = 16 * 1024;

export interface NamenodeMachineOptions {
  readonly world: World;
  readonly clockError: ClockError;
  readonly disk: SimulatedDisk;
  readonly settings: Readonly<Record<string, string>>;
  /** A real, empty directory of this simulation's own. */
  readonly directory: string;
}

export class NamenodeMachine extends Machine {
  readonly #options: NamenodeMachineOptions;
  readonly #random: Random;
  readonly #configuration: Configuration;
  /** Always the same, so that traces are; leads to the real directory of the present life. */
  readonly #link: string;
  #directories = 0;
  #database: NameDirectory | undefined;
  #core: NamenodeCore | undefined;
  readonly #batchListeners: ((records: number) => void)[] = [];
  /** Bytes at the front of the write-ahead log that are on the disk for sure. */
  #syncedWalBytes = 0;

  constructor(options: NamenodeMachineOptions) {
    super(options.world, 'nn', options.clockError);
    this.#options = options;
    this.#random = options.world.fork();
    this.#link = join(options.directory, 'name');
    this.#configuration = loadConfiguration({
      overrides: { ...options.settings, 'dfs.namenode.name.dir': this.#link },
    });
  }

  get disks(): readonly SimulatedDisk[] {
    return [this.#options.disk];
  }

  /** Undefined while it is not up. */
  get core(): NamenodeCore | undefined {
    return this.#core;
  }

  get database(): NameDirectory | undefined {
    return this.#database;
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  /** Calls `listener` with the number of changes in each batch that is committed. */
  onBatch(listener: (records: number) => void): void {
    this.#batchListeners.push(listener);
  }

  async format(life: Life): Promise<void> {
    this.#useNewDirectory();
    await formatNameDirectory({
      disk: this.#attachDisk(life),
      directory: this.#link,
      clusterId: CLUSTER_ID,
      owner: superuserName(),
      group: 'supergroup',
      timeMs: EPOCH_MS,
      force: false,
    });
  }

  protected async boot({ life, clock, random }: Surroundings): Promise<void> {
    const { world } = this.#options;
    const logger = world.logger(life.name);
    const disk = this.#attachDisk(life);
    const configuration = this.#configuration;
    const groups = new GroupFiles(disk, configuration.get('hadoop.user.group.static.mapping.overrides'));
    const directory = await openNameDirectory({
      disk,
      directory: this.#link,
      segmentBytesMax: SEGMENT_BYTES,
      logger,
    });
    this.#database = directory;
    if (realSize(`${directory.databasePath}-wal`) === undefined) this.#syncedWalBytes = 0;
    const core = new NamenodeCore({
      configuration,
      clock,
      random,
      disk,
      network: world.network.attach(life, this.host, clock),
      logger,
      directory,
      groups,
      folder: this.#newFolder(life, directory.databasePath),
      observer: {
        batch: (records) => {
          for (const listener of this.#batchListeners) listener(records);
        },
        batchFailed: () => world.faults.count('namenode: batch rolled back'),
        fatal: (error) => this.failed(life, error),
      },
    });
    this.#core = core;
    world.rpc.serve(life, NAMENODE_ADDRESS, 'ClientProtocol', core.clientProtocol);
    world.rpc.serve(life, NAMENODE_ADDRESS, 'DatanodeProtocol', core.datanodeProtocol);
    core.start();
  }

  protected async shutDown(): Promise<void> {
    await this.#core?.stop();
  }

  protected override afterCrash(kind: CrashKind): void {
    const database = this.#database;
    this.#core = undefined;
    this.#database = undefined;
    const before = this.#realDirectory;
    this.#useNewDirectory();
    for (const file of DATABASE_FILES) {
      const from = join(before, 'current', file);
      if (existsSync(from)) copyFileSync(from, join(this.#realDirectory, 'current', file));
    }
    if (kind === 'power cut') this.#loseUnsyncedWal();
    database?.connections.close();
    rmSync(before, { recursive: true, force: true });
  }

  get #realDirectory(): string {
    return join(this.#options.directory, `life-${this.#directories}`);
  }

  #useNewDirectory(): void {
    this.#directories++;
    mkdirSync(join(this.#realDirectory, 'current'), { recursive: true });
    if (existsSync(this.#link)) unlinkSync(this.#link);
    symlinkSync(this.#realDirectory, this.#link);
  }

  #loseUnsyncedWal(): void {
    const path = join(this.#realDirectory, 'current', 'namespace.db-wal');
    if (!existsSync(path)) return;
    const unsynced = statSync(path).size - this.#syncedWalBytes;
    if (unsynced <= 0) return;
    this.#options.world.faults.count('namenode: write-ahead log cut off');
    truncateSync(path, this.#syncedWalBytes + this.#random.int(unsynced + 1));
  }

  /** The simulated disk, which also knows the sizes of the real files. */
  #attachDisk(life: Life): Disk {
    const disk = this.#options.disk.attach(life);
    const inside = (path: string): string =>
      path.startsWith(this.#link) ? path.slice(this.#options.directory.length) : path;
    const isReal = (path: string): boolean => inside(path).startsWith('/name/current/namespace.db');
    return {
      open: (path, mode) => disk.open(inside(path), mode),
      makeDirectory: (path) => disk.makeDirectory(inside(path)),
      setMode: (path, mode) => disk.setMode(inside(path), mode),
      rename: (from, to) => disk.rename(inside(from), inside(to)),
      remove: (path) => disk.remove(inside(path)),
      list: (path) => disk.list(inside(path)),
      fileSize: async (path) => (isReal(path) ? realSize(path) : await disk.fileSize(inside(path))),
      syncDirectory: (path) => disk.syncDirectory(inside(path)),
      space: (path) => disk.space(inside(path)),
      writeWholeFiles: (files) => disk.writeWholeFiles(files.map((file) => ({ ...file, path: inside(file.path) }))),
    };
  }

  /** Folds on the spot instead of in a thread, after a moment of virtual time. */
  #newFolder(life: Life, path: string): { fold(request: FoldRequest): Promise<boolean>; close(): Promise<void> } {
    const { scheduler } = this.#options.world;
    const db = new BetterSqlite3(path, { fileMustExist: true, timeout: 0 });
    db.pragma('synchronous = NORMAL');
    life.onEnd(() => db.close());
    return {
      fold: ({ whole }) =>
        life.promise((resolve, reject) => {
          scheduler.after(1 + this.#random.fraction() * 20, 'fold', () => {
            if (!life.alive) return;
            try {
              resolve(this.#fold(db, path, whole));
            } catch (error) {
              reject(error);
            }
          });
        }),
      close: async () => {},
    };
  }

  #fold(db: BetterSqlite3.Database, path: string, whole: boolean): boolean {
    const [row] = db.pragma(`wal_checkpoint(${whole ? 'TRUNCATE' : 'PASSIVE'})`) as {
      busy: number;
      log: number;
      checkpointed: number;
    }[];
    this.#syncedWalBytes = realSize(`${path}-wal`) ?? 0;
    return row !== undefined && row.busy === 0 && row.log === row.checkpointed;
  }
}

function realSize(path: string): number | undefined {
  return existsSync(path) ? statSync(path).size : undefined;
}
