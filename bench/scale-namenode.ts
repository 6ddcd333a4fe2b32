/** A NameNode alone, on a directory of its own, that can be killed and started again. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileSystem } from '../client/index.js';
import { freeBasePort } from './cluster.js';
import type { Stoppable } from './tear-down.js';

const DFS = new URL('../bin/dfs.js', import.meta.url).pathname;

export class LoneNamenode implements Stoppable {
  readonly address: string;
  readonly databasePath: string;
  readonly #directory: string;
  readonly #settings: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(directory: string, port: number) {
    this.#directory = directory;
    this.databasePath = join(directory, 'current', 'namespace.db');
    this.address = `127.0.0.1:${port}`;
    this.#settings = [
      `dfs.namenode.name.dir=${directory}`,
      `dfs.namenode.rpc-address=${this.address}`,
      `dfs.namenode.http-address=127.0.0.1:${port + 1}`,
      'dfs.namenode.safemode.extension=0',
    ].flatMap((setting) => ['-D', setting]);
  }

  /** With an empty namespace in a new directory below `parent`; not started. */
  static async format(parent: string): Promise<LoneNamenode> {
    const namenode = new LoneNamenode(await mkdtemp(join(parent, 'bench-scale-')), await freeBasePort(0));
    execFileSync(process.execPath, [DFS, 'namenode', '--format', ...namenode.#settings], { stdio: 'ignore' });
    return namenode;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  start(): void {
    this.#child = spawn(process.execPath, [DFS, 'namenode', ...this.#settings], { stdio: 'ignore' });
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** A connection, as soon as there can be one, which has seen that `path` is there. */
  async connect(path: string): Promise<FileSystem> {
    for (;;) {
      if (this.#child === undefined || this.#child.exitCode !== null) throw new Error('the NameNode has ended');
      try {
        const fs = await FileSystem.connect({ namenode: this.address });
        await fs.stat(path);
        return fs;
      } catch {
        await sleep(20);
      }
    }
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true });
  }
}
