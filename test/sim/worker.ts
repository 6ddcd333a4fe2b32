/**
 * A client's work: a stream of operations below a directory that it alone changes, on files of others that it reads, and on a few files
 * that all fight for. What each operation must do is known from the model; what it does instead is a violation.
 */
import type { FileSystem, FileWriter } from '../../client/index.js';
import { type ErrorName, isDfsError, messageOf } from '../../common/errors.js';
import { type Random, shuffled } from '../../common/random.js';
import { contentOf } from './content.js';
import { ModelDirectory } from './model-directory.js';
import { ModelFile, type WriteSession } from './model-file.js';
import { pick } from './options.js';
import type { World } from './world.js';

/** What all workers of a simulation share. */
export interface Workplace {
  readonly world: World;
  /** The directory of each worker, by path; each is known to be there once it is here. */
  readonly directories: Map<string, ModelDirectory>;
  /** Files that every worker appends to, by path. */
  readonly sharedFiles: ReadonlyMap<string, ModelFile>;
  /** Writers that had a file, with when. */
  readonly tenures: Tenure[];
  /** DataNodes that have crashed since the beginning. */
  readonly crashes: () => number;
  /** How often each DataNode has been started. */
  readonly lives: () => readonly number[];
  /** Who waits for a flush to be acknowledged. */
  readonly flushing: Set<FileWriter>;
  /** Called when a flush was acknowledged. */
  readonly onFlush: ((flush: Flush) => void)[];
  readonly newId: () => number;
  readonly blockSize: number;
  readonly maxReplication: number;
}

/** What a writer was told to be on every DataNode of its pipeline. */
export interface Flush {
  readonly path: string;
  readonly fileId: number;
  /** Of the file, as far as it was acknowledged. */
  readonly length: number;
  /** How often each DataNode had been started when the writer began. */
  readonly livesBefore: readonly number[];
}

/** One writer's hold on a shared file, from when the NameNode gave it to the last time it acknowledged anything. */
export interface Tenure {
  readonly path: string;
  readonly writer: string;
  /** When it was asked for. */
  readonly calledMs: number;
  readonly fromMs: number;
  /** Before {@link fromMs} as long as nothing was acknowledged: another one may have taken the file before the writer was told that it has it. */
  untilMs: number;
}

/**
 * Nobody knows whether the operation was carried out, or will be. That goes for a refusal for the moment as well: an earlier attempt of
 * the same call may still be on its way.
 */
const UNCERTAIN: readonly ErrorName[] = [
  'ConnectionLost',
  'Timeout',
  'Cancelled',
  'RetryLater',
  'SafeMode',
  'Overloaded',
  'NoSpace',
];
/** Writing may fail for these reasons when DataNodes do. */
const WRITE_FAILURES: readonly ErrorName[] = [...UNCERTAIN, 'PipelineFailed', 'NoTargets', 'NotReplicatedYet'];
/** Reading may fail for these reasons when DataNodes do. */
const READ_FAILURES: readonly ErrorName[] = [...UNCERTAIN, 'BlockMissing', 'Corrupt'];
/** A file whose writer failed can be taken over only some time later. */
const TAKEOVER_FAILURES: readonly ErrorName[] = ['AlreadyBeingCreated', 'BlockMissing', 'NotReplicatedYet', 'Corrupt'];
/** Another writer has taken the file. */
const LOST_FILE: readonly ErrorName[] = ['LeaseExpired'];
/** That may be one of the same client: then the lease is its client's, but the block is not the one that it was writing. */
const LOST_TO_OWN_CLIENT: readonly ErrorName[] = [...LOST_FILE, 'InvalidArgument', 'StaleGenerationStamp'];

const PIECES_MAX = 8;
/** A file that has more replicas than one keeps so many. */
export const KEPT_REPLICAS_MIN = 2;
/** How often a recovery that is under way is asked after. */
const TAKE_ATTEMPTS_MAX = 6;
const DIRECTORIES_MAX = 6;
const CONCAT_SOURCES_MAX = 3;

interface Place {
  readonly path: string;
  readonly directory: ModelDirectory;
}

interface FoundFile {
  readonly path: string;
  readonly name: string;
  readonly place: Place;
  readonly file: ModelFile;
}

export class Worker {
  readonly root: string;
  readonly #workplace: Workplace;
  readonly #random: Random;
  readonly #model = new ModelDirectory();
  #pause: () => Promise<void> = async () => {};
  /** What a crash of the client in the middle of the present operation means for the model. */
  #inDoubt: (() => void) | undefined;
  operations = 0;

  constructor(workplace: Workplace, random: Random, root: string) {
    this.#workplace = workplace;
    this.#random = random;
    this.root = root;
  }

  /** The client that worked for us has died. */
  clientDied(): void {
    this.#inDoubt?.();
    this.#inDoubt = undefined;
  }

  /** One operation after the other until `isOver`; each ends, whatever happens, as the client gives up in the end. */
  async work(fs: FileSystem, isOver: () => boolean, pause: () => Promise<void>): Promise<void> {
    this.#pause = pause;
    while (!isOver()) {
      this.operations++;
      if (!this.#workplace.directories.has(this.root)) await this.#makeRoot(fs);
      else await this.#operation(fs);
      await pause();
    }
  }

  async #makeRoot(fs: FileSystem): Promise<void> {
    // Making a directory that exists is no error, so this may be repeated until it is answered.
    const made = await this.#attempt('mkdir', this.root, () => fs.mkdir(this.root));
    if (made !== undefined) this.#workplace.directories.set(this.root, this.#model);
  }

  async #operation(fs: FileSystem): Promise<void> {
    const place = this.#somePlace();
    const mine = this.#someFile(place);
    const choice = this.#random.int(100);
    if (choice < 24) await this.#create(fs, place);
    else if (choice < 29) await this.#mkdir(fs, place);
    else if (choice < 33) await this.#list(fs, place);
    else if (choice < 40 && mine !== undefined) await this.#setReplication(fs, mine);
    else if (choice < 48) await this.#readOfOthers(fs);
    else if (choice < 56) await this.#appendToShared(fs);
    else if (choice < 62) await this.#takeShared(fs);
    else if (choice < 64) await this.#removeDirectory(fs, place);
    else if (choice < 66) await this.#renameDirectory(fs, place);
    else if (mine === undefined) await this.#create(fs, place);
    else if (choice < 76) await this.#append(fs, mine);
    else if (choice < 81) await this.#read(fs, mine.path, mine.file);
    else if (choice < 84) await this.#concat(fs, mine);
    else if (choice < 86) await this.#rename(fs, mine);
    else if (choice < 90) await this.#truncateOrRecover(fs, mine);
    else if (choice < 95) await this.#remove(fs, mine);
    else if (choice < 98) await this.#stat(fs, mine);
    else await this.#overwrite(fs, mine);
  }

  // ---- Writing -------------------------------------------------------------------------------------------------------

  async #create(fs: FileSystem, place: Place): Promise<void> {
    const id = this.#workplace.newId();
    const name = `f${id}`;
    const file = new ModelFile(id, 1 + this.#random.int(this.#workplace.maxReplication));
    await this.#createAt(fs, place, name, file, false);
  }

  /** Replaces a file by a new one. */
  async #overwrite(fs: FileSystem, { place, name, file }: FoundFile): Promise<void> {
    if (file.state === 'open') return;
    file.changing = true;
    await this.#createAt(fs, place, name, new ModelFile(file.id, file.replication), true);
    file.changing = place.directory.entries.get(name) !== file;
  }

  async #createAt(fs: FileSystem, place: Place, name: string, file: ModelFile, overwrite: boolean): Promise<void> {
    const path = `${place.path}/${name}`;
    const { replication } = file;
    const { blockSize } = this.#workplace;
    const doubt = (): void => {
      place.directory.doubt(name);
      if (overwrite) place.directory.uncertain.set(name, undefined);
    };
    const writer = await this.#attempt('create', path, () => fs.create(path, { overwrite, replication, blockSize }), {
      doubt,
    });
    if (writer === undefined) return;
    place.directory.entries.set(name, file);
    await this.#writeAll(writer, file);
  }

  async #append(fs: FileSystem, { path, file }: FoundFile): Promise<void> {
    const isClosed = file.state === 'closed';
    const certain = file.certainLength(this.#workplace.crashes());
    const before = file.state;
    const doubt = (): void => {
      if (file.state !== 'open') file.state = 'abandoned';
    };
    const acceptable = isClosed ? (['NotReplicatedYet', 'Corrupt'] as const) : TAKEOVER_FAILURES;
    // The file was opened; the call that closes it again may have failed as well (client/append.ts).
    const doubtful = ['BlockMissing'] as const;
    const newBlock = this.#random.int(4) === 0;
    const options = { doubt, acceptable, doubtful };
    const writer = await this.#attempt('append', path, () => fs.append(path, { newBlock }), options);
    if (writer === undefined) return;
    const { length } = writer;
    const isRight = before === 'closed' ? length === certain : length >= certain && length <= file.possibleLength;
    if (!isRight) {
      const range = before === 'closed' ? `${certain}` : `${certain} to ${file.possibleLength}`;
      this.#violation(`append to ${path} starts at ${length}; the file has ${range} bytes`);
    }
    await this.#writeAll(writer, file);
  }

  /** Writes to a file that was just opened, until it is closed, left open by a failure, or the client has died. */
  async #writeAll(writer: FileWriter, file: ModelFile, tenure?: Tenure): Promise<void> {
    const { world, crashes, lives, onFlush, newId } = this.#workplace;
    const livesBefore = lives();
    const { nowMs } = world.scheduler;
    const opening = { calledMs: tenure?.calledMs ?? nowMs, answeredMs: nowMs };
    const session = file.begin(newId(), writer.length, opening);
    this.#inDoubt = () => {
      file.state = 'abandoned';
    };
    // An answer may come late, when another writer has the file already: sure is only that it had it when the call was made.
    let calledMs = nowMs;
    const acknowledged = (): void => {
      if (tenure !== undefined) tenure.untilMs = calledMs;
    };
    try {
      for (let pieces = this.#random.int(PIECES_MAX); pieces > 0; pieces--) {
        await this.#writePiece(writer, session);
        // Who has what others want takes its time, so that it may be taken away meanwhile.
        if (tenure !== undefined) await this.#pause();
        const flush = this.#random.int(tenure === undefined ? 4 : 3);
        const crashesBefore = crashes();
        calledMs = world.scheduler.nowMs;
        if (flush <= 1) await this.#flush(writer, flush === 0);
        if (flush === 0) file.synced(session.attemptedEnd);
        if (flush === 1) file.flushed(session.attemptedEnd, crashesBefore);
        if (flush > 1) continue;
        acknowledged();
        const { path, status } = writer;
        const told = { path, fileId: status.fileId, length: session.attemptedEnd, livesBefore };
        for (const listener of onFlush) listener(told);
      }
      calledMs = world.scheduler.nowMs;
      await writer.close();
      acknowledged();
      file.closed(session);
    } catch (error) {
      file.state = 'abandoned';
      const lost = tenure === undefined ? [] : file.isLast(session) ? LOST_FILE : LOST_TO_OWN_CLIENT;
      if (!isDfsError(error, ...WRITE_FAILURES, ...lost))
        this.#violation(`writing ${writer.path} failed: ${describe(error)}`);
      await writer.abort().catch((reason: unknown) => this.#violation(`abort failed: ${describe(reason)}`));
    }
    this.#inDoubt = undefined;
  }

  async #flush(writer: FileWriter, isToSync: boolean): Promise<void> {
    const { flushing } = this.#workplace;
    flushing.add(writer);
    try {
      await (isToSync ? writer.hsync() : writer.hflush());
    } finally {
      flushing.delete(writer);
    }
  }

  async #writePiece(writer: FileWriter, session: WriteSession): Promise<void> {
    const { blockSize } = this.#workplace;
    const length = this.#random.int(4) === 0 ? this.#random.int(3 * blockSize) : this.#random.int(blockSize / 4);
    const at = session.attemptedEnd;
    session.attemptedEnd += length;
    await writer.write(contentOf(session.tag, at, length));
  }

  /** Takes one of the files that others want as well, if it can be had. */
  async #appendToShared(fs: FileSystem): Promise<void> {
    const { sharedFiles } = this.#workplace;
    const all = [...sharedFiles];
    const found = all[this.#random.int(all.length)];
    if (found !== undefined) await this.#appendTo(fs, ...found);
  }

  async #appendTo(fs: FileSystem, path: string, file: ModelFile): Promise<void> {
    const { world, blockSize } = this.#workplace;
    const acceptable = [...TAKEOVER_FAILURES, 'FileNotFound', 'FileAlreadyExists'] as const;
    const calledMs = world.scheduler.nowMs;
    const isNew = file.sessions.length === 0;
    const open = (): Promise<FileWriter> => (isNew ? fs.create(path, { blockSize }) : fs.append(path));
    const answered = file.isBeingOpened();
    const writer = await this.#attempt(isNew ? 'create' : 'append', path, open, { acceptable, doubt: answered });
    answered();
    if (writer === undefined) return;
    const nowMs = world.scheduler.nowMs;
    const tenure: Tenure = { path, writer: this.root, calledMs, fromMs: nowMs, untilMs: 0 };
    this.#workplace.tenures.push(tenure);
    const certain = file.certainLength(this.#workplace.crashes());
    if (writer.length < certain || writer.length > file.possibleLength) {
      this.#violation(
        `append to ${path} starts at ${writer.length}, but it has ${certain} to ${file.possibleLength} bytes`,
      );
    }
    await this.#writeAll(writer, file, tenure);
  }

  /** Takes such a file from whoever has it, who must notice. */
  async #takeShared(fs: FileSystem): Promise<void> {
    const open = [...this.#workplace.sharedFiles].filter(
      ([, { state, sessions }]) => state === 'open' && sessions.length > 0,
    );
    const found = open[this.#random.int(Math.max(1, open.length))];
    if (found === undefined) return;
    const [path] = found;
    for (let attempts = 0; attempts < TAKE_ATTEMPTS_MAX; attempts++) {
      const recover = (): Promise<boolean> => fs.recoverLease(path);
      const closed = await this.#attempt('recoverLease', path, recover, { acceptable: ['FileNotFound'] });
      if (closed !== false) break;
      await this.#pause();
    }
    await this.#appendTo(fs, ...found);
  }

  /** Cuts a file that is closed; has one closed that is not. */
  async #truncateOrRecover(fs: FileSystem, { path, name, place, file }: FoundFile): Promise<void> {
    if (file.state !== 'closed') {
      await this.#attempt('recoverLease', path, () => fs.recoverLease(path));
      return;
    }
    const newLength = this.#random.int(file.certainLength(this.#workplace.crashes()) + 1);
    const doubt = (): void => {
      // The call may still be on its way, to cut what is written from now on.
      file.truncated(newLength, false, false);
      place.directory.doubt(name);
    };
    file.changing = true;
    const acceptable = ['BlockMissing'] as const;
    const done = await this.#attempt('truncate', path, () => fs.truncate(path, newLength), { doubt, acceptable });
    if (done !== undefined) file.truncated(newLength, done);
    file.changing = false;
  }

  /** Moves what other files hold to the end of one. */
  async #concat(fs: FileSystem, target: FoundFile): Promise<void> {
    const length = (file: ModelFile): number => file.certainLength(this.#workplace.crashes());
    const { file, path, place, name } = target;
    const sources = shuffled(this.#allFiles(), this.#random)
      .filter((one) => one.file !== file && one.file.state === 'closed' && length(one.file) > 0)
      .filter((one) => one.file.replication <= file.replication)
      .slice(0, 1 + this.#random.int(CONCAT_SOURCES_MAX));
    if (file.state !== 'closed' || sources.length === 0) return;
    const parts = sources.map((source) => source.file);
    const doubt = (): void => {
      // The call may still be on its way, to files that are written to from now on.
      file.appended(length(file), parts, false);
      place.directory.doubt(name);
      for (const source of sources) source.place.directory.doubt(source.name);
    };
    for (const one of [file, ...parts]) setChanging(one, true);
    const paths = sources.map((source) => source.path);
    const done = await this.#attempt('concat', path, () => fs.concat(path, paths), { doubt });
    if (done !== undefined) {
      file.appended(length(file), parts, true);
      for (const source of sources) source.place.directory.entries.delete(source.name);
    }
    setChanging(file, false);
  }

  /**
   * Sometimes there and back again: what was surplus is needed then. Never down to one: it may be a damaged replica that is kept, as long as nobody
   * has noticed the damage.
   */
  async #setReplication(fs: FileSystem, found: FoundFile): Promise<void> {
    const before = found.file.replication;
    const isSet = await this.#replicate(fs, found, this.#newReplication(before));
    if (!isSet || before < KEPT_REPLICAS_MIN || this.#random.int(2) === 0) return;
    await this.#pause();
    await this.#replicate(fs, found, before);
  }

  /** Mostly another one than before. */
  #newReplication(before: number): number {
    const all = Array.from({ length: this.#workplace.maxReplication }, (_, index) => index + 1);
    const others = all.filter((replication) => replication >= KEPT_REPLICAS_MIN && replication !== before);
    return this.#random.int(5) === 0 ? Math.max(before, KEPT_REPLICAS_MIN) : pick(this.#random, others);
  }

  /** Returns whether it was done. */
  async #replicate(fs: FileSystem, { path, name, place, file }: FoundFile, replication: number): Promise<boolean> {
    // The call may still be on its way, to whatever bears the name by then.
    const doubt = (): void => place.directory.doubt(name);
    file.changing = true;
    const set = await this.#attempt('setReplication', path, () => fs.setReplication(path, replication), { doubt });
    if (set === false) this.#violation(`setReplication of ${path} found no file`);
    if (set !== undefined) file.replication = replication;
    file.changing = false;
    return set === true;
  }

  // ---- Reading -------------------------------------------------------------------------------------------------------

  async #readOfOthers(fs: FileSystem): Promise<void> {
    const roots = [...this.#workplace.directories];
    const [root, model] = roots[this.#random.int(roots.length)] as [string, ModelDirectory];
    const files = [...model.files(root), ...this.#workplace.sharedFiles].filter(
      ([, { sessions }]) => sessions.length > 0,
    );
    const found = files[this.#random.int(Math.max(1, files.length))];
    if (found === undefined) return;
    await this.#read(fs, found[0], found[1]);
  }

  /** Reads a part of a file and compares it, as far as nobody has changed the file meanwhile. */
  async #read(fs: FileSystem, path: string, file: ModelFile): Promise<void> {
    const { version, state } = file;
    const isMine = path.startsWith(`${this.root}/`);
    const certain = file.certainLength(this.#workplace.crashes());
    const acceptable = isMine ? READ_FAILURES : [...READ_FAILURES, 'FileNotFound' as const];
    const read = await this.#attempt('read', path, () => this.#readSome(fs, path), { acceptable });
    if (read === undefined) return;
    const { bytes, position, length } = read;
    const fault = file.faultIn(bytes, position);
    if (file.version !== version || file.changing) return;
    if (fault !== undefined) this.#violation(`${path} read wrong: ${fault}`);
    if (state === 'closed' && length !== certain) this.#violation(`${path} has ${length} bytes instead of ${certain}`);
  }

  async #readSome(fs: FileSystem, path: string): Promise<{ bytes: Buffer; position: number; length: number }> {
    const reader = await fs.open(path);
    try {
      const { length } = reader;
      const position = this.#random.int(length + 1);
      return { bytes: await reader.read(position, this.#random.int(length - position + 1)), position, length };
    } finally {
      await reader.close();
    }
  }

  async #stat(fs: FileSystem, { path, file }: FoundFile): Promise<void> {
    const status = await this.#attempt('stat', path, () => fs.stat(path));
    if (status === undefined) return;
    const certain = file.certainLength(this.#workplace.crashes());
    if (status.replication !== file.replication)
      this.#violation(`${path} has replication ${status.replication} instead of ${file.replication}`);
    if (file.state === 'closed' && (status.length !== certain || status.underConstruction))
      this.#violation(`${path} has ${status.length} bytes (open: ${status.underConstruction}) instead of ${certain}`);
  }

  async #list(fs: FileSystem, { path, directory }: Place): Promise<void> {
    const names = await this.#attempt('list', path, async () => {
      const found: string[] = [];
      for await (const { name } of fs.list(path)) found.push(name);
      return found;
    });
    const fault = names && directory.faultIn(names);
    if (fault !== undefined) this.#violation(`listing of ${path}: ${fault}`);
  }

  // ---- Changing names ------------------------------------------------------------------------------------------------

  async #mkdir(fs: FileSystem, { path, directory }: Place): Promise<void> {
    if (path.split('/').length > 4 || this.#places().length >= DIRECTORIES_MAX) return;
    const name = `d${this.#workplace.newId()}`;
    const doubt = (): void => directory.doubt(name);
    const made = await this.#attempt('mkdir', `${path}/${name}`, () => fs.mkdir(`${path}/${name}`), { doubt });
    if (made !== undefined) directory.entries.set(name, new ModelDirectory());
  }

  async #rename(fs: FileSystem, { path, name, place, file }: FoundFile): Promise<void> {
    const target = this.#somePlace();
    const newName = `f${this.#workplace.newId()}`;
    await this.#move(fs, path, place, name, target, newName, file);
  }

  async #renameDirectory(fs: FileSystem, place: Place): Promise<void> {
    if (place.path === this.root) return;
    const cut = place.path.lastIndexOf('/');
    const name = place.path.slice(cut + 1);
    const parent = this.#places().find(({ path }) => path === place.path.slice(0, cut));
    if (parent === undefined) return;
    await this.#move(fs, place.path, parent, name, parent, `d${this.#workplace.newId()}`, place.directory);
  }

  async #move(
    fs: FileSystem,
    path: string,
    from: Place,
    name: string,
    to: Place,
    newName: string,
    entry: ModelFile | ModelDirectory,
  ): Promise<void> {
    const doubt = (): void => {
      from.directory.doubt(name);
      to.directory.uncertain.set(newName, entry instanceof ModelFile ? entry : undefined);
    };
    setChanging(entry, true);
    const moved = await this.#attempt('rename', path, () => fs.rename(path, `${to.path}/${newName}`), { doubt });
    if (moved !== undefined) {
      from.directory.entries.delete(name);
      to.directory.entries.set(newName, entry);
    }
    setChanging(entry, false);
  }

  async #remove(fs: FileSystem, { path, name, place, file }: FoundFile): Promise<void> {
    await this.#delete(fs, path, place.directory, name, file);
  }

  async #removeDirectory(fs: FileSystem, { path }: Place): Promise<void> {
    if (path === this.root) return;
    const cut = path.lastIndexOf('/');
    const name = path.slice(cut + 1);
    const parent = this.#places().find((place) => place.path === path.slice(0, cut));
    if (parent === undefined) return;
    await this.#delete(fs, path, parent.directory, name, parent.directory.entries.get(name) as ModelDirectory);
  }

  async #delete(
    fs: FileSystem,
    path: string,
    parent: ModelDirectory,
    name: string,
    entry: ModelFile | ModelDirectory,
  ): Promise<void> {
    const doubt = (): void => parent.doubt(name);
    setChanging(entry, true);
    const recursive = entry instanceof ModelDirectory;
    const deleted = await this.#attempt('delete', path, () => fs.delete(path, { recursive }), { doubt });
    if (deleted === false) this.#violation(`delete of ${path} found nothing`);
    if (deleted !== undefined) parent.entries.delete(name);
    else setChanging(entry, false);
  }

  // ---- Common --------------------------------------------------------------------------------------------------------

  /** The result; undefined when the operation failed in a way in which it may. */
  async #attempt<T>(
    verb: string,
    path: string,
    action: () => Promise<T>,
    options: {
      readonly doubt?: () => void;
      readonly acceptable?: readonly ErrorName[];
      /** Acceptable, and after them nobody can be sure of what is there. */
      readonly doubtful?: readonly ErrorName[];
    } = {},
  ): Promise<T extends void ? true : T | undefined> {
    type Result = T extends void ? true : T | undefined;
    const { doubt = () => {}, acceptable = [], doubtful = [] } = options;
    const { world } = this.#workplace;
    world.log(this.root, `${verb} ${path}`);
    this.#inDoubt = doubt;
    try {
      const result = await action();
      world.trace.note(`${verb} done`, path);
      world.log(this.root, `${verb} ${path}: done`);
      return (result ?? true) as Result;
    } catch (error) {
      world.trace.note(`${verb} failed`, path);
      world.log(this.root, `${verb} ${path}: ${messageOf(error)}`);
      if (isDfsError(error, ...UNCERTAIN, ...doubtful)) doubt();
      else if (!isDfsError(error, ...acceptable)) this.#violation(`${verb} ${path} failed: ${describe(error)}`);
      return undefined as Result;
    } finally {
      this.#inDoubt = undefined;
    }
  }

  #places(): Place[] {
    return [...this.#model.directories(this.root)].map(([path, directory]) => ({ path, directory }));
  }

  #allFiles(): FoundFile[] {
    return this.#places().flatMap((place) => filesIn(place));
  }

  #somePlace(): Place {
    const places = this.#places();
    return places[this.#random.int(places.length)] as Place;
  }

  #someFile(place: Place): FoundFile | undefined {
    const files = filesIn(place);
    return files[this.#random.int(Math.max(1, files.length))];
  }

  #violation(text: string): void {
    this.#workplace.world.violation(`${this.root}: ${text}`);
  }
}

function filesIn(place: Place): FoundFile[] {
  return [...place.directory.entries].flatMap(([name, file]) =>
    file instanceof ModelFile ? [{ path: `${place.path}/${name}`, name, place, file }] : [],
  );
}

/** While a name above a file changes, or the file itself, readers cannot know what to find. */
function setChanging(entry: ModelFile | ModelDirectory, changing: boolean): void {
  const files = entry instanceof ModelFile ? [entry] : [...entry.files('')].map(([, file]) => file);
  for (const file of files) {
    file.changing = changing;
    file.version++;
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
