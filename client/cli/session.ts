/**
 * One run of one verb: its connection to the cluster, its output, its errors. Verbs get all they need from here, so that tests can
 * run them without a process and without a cluster.
 */
import type { Readable } from 'node:stream';
import type { Clock } from '../../common/clock.js';
import type { Configuration } from '../../common/config/configuration.js';
import { formatHostPort, parseHostPort } from '../../common/config/kinds.js';
import type { FileSystem } from '../file-system.js';
import type { FileStatus } from '../types.js';
import { describeError, isMissing, OutputClosed, PathError, PROBLEMS, UsageError } from './errors.js';
import { expand } from './expand.js';
import { Output, type Sink } from './output.js';
import { parseRemotePath, type RemotePath } from './remote-path.js';

/** The part of the SDK's file system that the verbs use. */
export type RemoteFileSystem = Pick<FileSystem, keyof FileSystem>;

/** What a run gets from outside. */
export interface Environment {
  readonly stdin: Readable;
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** Whether a person looks at stderr: progress is shown only then. */
  readonly isTerminal: boolean;
  readonly clock: Clock;
  /** Name of the user that runs the command. */
  readonly user: string;
  /** Directory that relative local names start from. */
  readonly workingDirectory: string;
  /** Aborts when the user wants to stop. */
  readonly signal: AbortSignal;
  connect(namenode: string, configuration: Configuration): Promise<RemoteFileSystem>;
}

/** A remote path and what is there, if anything. */
export interface RemoteItem extends RemotePath {
  readonly status: FileStatus | undefined;
}

export interface ExistingItem extends RemoteItem {
  readonly status: FileStatus;
}

export interface SessionOptions {
  readonly verb: string;
  readonly environment: Environment;
  readonly configuration: Configuration;
  /** `host:port`. */
  readonly namenode: string;
}

export class Session {
  readonly verb: string;
  readonly environment: Environment;
  readonly configuration: Configuration;
  readonly namenode: string;
  readonly out: Output;
  /** 0 as long as nothing went wrong. A verb may set it. */
  exitCode = 0;
  /** Printed in front of each warning: what takes a progress bar off the line. */
  beforeWarning = '';
  readonly #err: Output;
  #unreachable: unknown;
  readonly #connections = new Map<string, Promise<RemoteFileSystem>>();

  constructor({ verb, environment, configuration, namenode }: SessionOptions) {
    this.verb = verb;
    this.environment = environment;
    this.configuration = configuration;
    this.namenode = namenode;
    this.out = new Output(environment.stdout);
    this.#err = new Output(environment.stderr);
  }

  get signal(): AbortSignal {
    return this.environment.signal;
  }

  // ---- The cluster -------------------------------------------------------------------------------------------------

  /** The file system of a path; without one: of the default cluster. */
  async fs(path?: RemotePath): Promise<RemoteFileSystem> {
    const address = path?.namenode ?? this.namenode;
    const hostPort = parseHostPort(address);
    if (hostPort === undefined || hostPort.port === 0) {
      throw new UsageError(`'${address}' is not a NameNode's address: it must be host:port, such as 127.0.0.1:8020.`);
    }
    const key = formatHostPort(hostPort);
    let connection = this.#connections.get(key);
    if (connection === undefined) {
      connection = this.environment.connect(key, this.configuration);
      this.#connections.set(key, connection);
    }
    try {
      return await connection;
    } catch (error) {
      this.#unreachable = error;
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const connection of this.#connections.values()) {
      const fs = await connection.catch(() => undefined);
      await fs?.close().catch(() => undefined); // what had to be told was told when it failed
    }
  }

  // ---- Output ------------------------------------------------------------------------------------------------------

  /** A line on stderr, behind all that was printed before. */
  async warn(text: string): Promise<void> {
    await this.out.flush();
    await this.#err.line(this.beforeWarning + text);
    await this.#err.flush();
  }

  /**
   * Tells about an error that concerns `path` alone; the exit code becomes 1. Errors that end the whole command (the user stopped it,
   * nobody reads the output, a wrong command line, no NameNode) are thrown on.
   */
  async fail(error: unknown, path?: string): Promise<void> {
    if (this.signal.aborted || error instanceof OutputClosed || error instanceof UsageError) throw error;
    if (error === this.#unreachable) throw error;
    this.exitCode = 1;
    await this.warn(`${this.verb}: ${describeError(error, path)}`);
  }

  /** Runs `work`; when it fails, tells about it as an error of `path`. */
  async attempt(path: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await this.fail(error, path);
    }
  }

  // ---- Paths -------------------------------------------------------------------------------------------------------

  path(text: string): RemotePath {
    return parseRemotePath(text, `/user/${this.environment.user}`);
  }

  /** There is nothing at `path`, which should exist. @throws PathError, behind a hint to those who have no home directory yet. */
  async failMissing(path: RemotePath): Promise<never> {
    const home = this.path('.').absolute;
    if (path.absolute === home)
      await this.warn(`Your home directory does not exist yet. Make it: dfs mkdir -p ${home}`);
    throw new PathError(path.shown, PROBLEMS.notFound);
  }

  async stat(path: RemotePath): Promise<RemoteItem> {
    try {
      return { ...path, status: await (await this.fs(path)).stat(path.absolute) };
    } catch (error) {
      if (isMissing(error)) return { ...path, status: undefined };
      throw error;
    }
  }

  /**
   * Does `work` for everything that the arguments name, patterns expanded; errors are told per path.
   * @param onMissing for a path at which there is nothing. Default: that is an error.
   */
  async forEach(
    args: readonly string[],
    work: (item: ExistingItem) => Promise<void>,
    onMissing: (item: RemotePath) => Promise<void> = (item) => this.failMissing(item),
  ): Promise<void> {
    for (const arg of args) {
      await this.attempt(arg, async () => {
        for await (const item of expand(this, arg)) {
          const { status } = item;
          await this.attempt(item.shown, () => (status === undefined ? onMissing(item) : work({ ...item, status })));
        }
      });
    }
  }

  /** A path that something is written to. @throws PathError when it is a pattern that matches several. */
  async destination(arg: string): Promise<RemoteItem> {
    let only: RemoteItem | undefined;
    for await (const item of expand(this, arg)) {
      if (only !== undefined) throw new PathError(arg, 'Too many matches');
      only = item;
    }
    return only as RemoteItem; // expand gives at least one
  }
}
