/**
 * A cluster whose processes run on hosts of their own: `nn`, `client`, `dn1`, `dn2`, … with HDFS's ports. Whoever makes one gives it a
 * directory that is cleared away at the end (clear-away.ts), whatever happens.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DFS_SCRIPT } from '../../../client/cluster/package-root.js';
import { type CommandResult, type NodeName, resultOf, waitFor } from '../harness.js';
import type { FsckJson } from './health.js';
import type { Hosts } from './private-network.js';

export interface MachinesOptions {
  readonly directory: string;
  readonly hosts: Hosts;
  readonly datanodes: number;
  /** Of all processes. */
  readonly settings: Readonly<Record<string, string>>;
  /** Settings of `dfs` on the client's host. */
  readonly clientSettings?: Readonly<Record<string, string>>;
  /** Of each DataNode. Default: 1. */
  readonly volumes?: number;
  /** A process has ended that was not killed. */
  readonly onEnd?: (node: NodeName, how: string) => void;
}

/** The names of the hosts of such a cluster. */
export function hostNames(datanodes: number): string[] {
  return ['nn', 'client', ...Array.from({ length: datanodes }, (_, index) => `dn${index + 1}`)];
}

export function hostOf(node: NodeName): string {
  return node === 'namenode' ? 'nn' : `dn${node}`;
}

export class Machines {
  readonly directory: string;
  readonly datanodeNumbers: readonly number[];
  readonly #options: MachinesOptions;
  readonly #running = new Map<NodeName, ChildProcess>();

  constructor(options: MachinesOptions) {
    this.#options = options;
    this.directory = options.directory;
    this.datanodeNumbers = Array.from({ length: options.datanodes }, (_, index) => index + 1);
    for (const name of ['logs', 'run']) mkdirSync(join(this.directory, name), { recursive: true });
    for (const node of this.nodes) for (const path of this.dataDirectories(node)) mkdirSync(path, { recursive: true });
  }

  get nodes(): readonly NodeName[] {
    return ['namenode', ...this.datanodeNumbers];
  }

  /** `host:port` for clients. */
  get namenode(): string {
    return `${this.#options.hosts.address('nn')}:8020`;
  }

  dataDirectories(node: NodeName): readonly string[] {
    const { volumes = 1 } = this.#options;
    if (node === 'namenode') return [join(this.directory, 'nn')];
    return Array.from({ length: volumes }, (_, index) => join(this.directory, `dn${node}`, `volume${index + 1}`));
  }

  /** Formats the NameNode and starts everything; returns when all DataNodes are there. */
  async startAll(): Promise<void> {
    const { code, stderr } = await this.#run('nn', ['namenode', '--format', ...this.#arguments('namenode')]);
    if (code !== 0) throw new Error(stderr);
    for (const node of this.nodes) this.start(node);
    await waitFor(async () => (await this.liveDatanodes()) === this.#options.datanodes, 'all DataNodes');
  }

  isRunning(node: NodeName): boolean {
    return this.#running.has(node);
  }

  /** Starts a process that does not run. */
  start(node: NodeName): void {
    const host = hostOf(node);
    const log = openSync(join(this.directory, 'logs', `${host}.log`), 'a');
    const [program = '', ...args] = this.#options.hosts.command(host, [
      process.execPath,
      DFS_SCRIPT,
      node === 'namenode' ? 'namenode' : 'datanode',
      ...this.#arguments(node),
    ]);
    const child = spawn(program, args, { stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    child.on('error', () => {}); // missed by those who wait for it
    this.#running.set(node, child);
    const pidFile = join(this.directory, 'run', `${host}.pid`);
    writeFileSync(pidFile, `${child.pid}`);
    child.once('close', (code, signal) => {
      if (this.#running.get(node) !== child) return;
      this.#running.delete(node);
      rmSync(pidFile, { force: true });
      if (signal !== 'SIGKILL') this.#options.onEnd?.(node, signal ?? `exit code ${code}`);
    });
  }

  /** Returns false when it does not run. */
  signal(node: NodeName, signal: NodeJS.Signals): boolean {
    return this.#running.get(node)?.kill(signal) ?? false;
  }

  /** Returns when the process is gone. */
  async kill9(node: NodeName): Promise<void> {
    const child = this.#running.get(node);
    if (child === undefined) return;
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    await ended;
  }

  /** Runs `dfs` on the client's host. */
  async dfs(args: readonly string[], stdin: string | Uint8Array = ''): Promise<CommandResult> {
    const child = this.spawnDfs(args);
    child.stdin?.end(stdin);
    return await resultOf(child);
  }

  spawnDfs(args: readonly string[]): ChildProcess {
    const settings = settingArguments(this.#options.clientSettings ?? {});
    return this.#spawn('client', [...args, ...settings]);
  }

  async liveDatanodes(): Promise<number> {
    const { stdout } = await this.dfs(['report', '-live']);
    return [...stdout.matchAll(/^Name: /gm)].length;
  }

  async isWhole(path: string): Promise<boolean> {
    const { stdout, code } = await this.dfs(['fsck', path, '--json']);
    if (code !== 0) return false;
    const report = JSON.parse(stdout) as FsckJson;
    return report.totalBlocks > 0 && report.underReplicated + report.overReplicated + report.misReplicated === 0;
  }

  async #run(host: string, args: readonly string[]): Promise<CommandResult> {
    const child = this.#spawn(host, args);
    child.stdin?.end();
    return await resultOf(child);
  }

  #spawn(host: string, args: readonly string[]): ChildProcess {
    const [program = '', ...rest] = this.#options.hosts.command(host, [process.execPath, DFS_SCRIPT, ...args]);
    const child = spawn(program, rest, { env: { ...process.env, DFS_NAMENODE: this.namenode } });
    child.stdin.on('error', () => {}); // a command that fails ends before it has read all
    return child;
  }

  #arguments(node: NodeName): string[] {
    const { hosts, settings } = this.#options;
    const address = hosts.address(hostOf(node));
    const own: Record<string, string> =
      node === 'namenode'
        ? {
            'dfs.namenode.name.dir': this.dataDirectories(node).join(','),
            'dfs.namenode.http-address': `${address}:9870`,
          }
        : {
            'dfs.datanode.data.dir': this.dataDirectories(node).join(','),
            'dfs.datanode.address': `${address}:9866`,
            'dfs.datanode.ipc.address': `${address}:9867`,
            'dfs.datanode.http.address': `${address}:9864`,
            'dfs.datanode.rack': `/rack${node % 2}`,
          };
    return settingArguments({ ...settings, 'dfs.namenode.rpc-address': this.namenode, ...own });
  }
}

function settingArguments(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-D', `${name}=${value}`]);
}
