/**
 * One process of the cluster: started apart from the terminal, so that Ctrl-C reaches only whoever watches over the cluster, and known
 * to later commands by its pid file.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, sleep } from '../../common/clock.js';
import { DfsError, osErrorCode } from '../../common/errors.js';
import { nodeDisk, writeDurably } from '../../common/node-disk.js';
import { logTail } from './log-tail.js';
import { type ClusterNode, formatCommand } from './node-command.js';

const POLL_INTERVAL_MS = 50;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StartedProcess {
  readonly pid: number;
  /** Resolves when the process ends, whoever ended it. */
  readonly ended: Promise<Ended>;
}

export class NodeProcess {
  readonly node: ClusterNode;
  readonly logFile: string;
  readonly #pidFile: string;
  readonly #clock: Clock;

  constructor(clusterDirectory: string, node: ClusterNode, clock: Clock) {
    this.node = node;
    this.logFile = join(clusterDirectory, 'logs', `${node.name}.log`);
    this.#pidFile = join(clusterDirectory, 'run', `${node.name}.pid`);
    this.#clock = clock;
  }

  /** The process that was started last, whether it lives or not; undefined after an ordered stop. */
  async lastPid(): Promise<number | undefined> {
    try {
      const pid = Number((await readFile(this.#pidFile, 'utf8')).trim());
      return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
    } catch (error) {
      if (osErrorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** The pid of the running process; undefined when there is none, or when its number belongs to another process by now. */
  async livePid(): Promise<number | undefined> {
    const pid = await this.lastPid();
    return pid !== undefined && isProcess(pid, this.node.identity) ? pid : undefined;
  }

  async start(): Promise<StartedProcess> {
    const started = await this.#spawn(this.node.command);
    await mkdir(join(this.#pidFile, '..'), { recursive: true });
    await writeDurably(nodeDisk, this.#pidFile, Buffer.from(`${started.pid}\n`));
    return started;
  }

  /** Makes the NameNode's directory. @throws DfsError with the end of the log when that fails. */
  async format(): Promise<void> {
    const { ended } = await this.#spawn(formatCommand(this.node));
    const { code } = await ended;
    if (code !== 0)
      throw new DfsError('Internal', `The NameNode's directory could not be made.${await this.lastWords()}`);
  }

  async #spawn(command: readonly string[]): Promise<StartedProcess> {
    await mkdir(join(this.logFile, '..'), { recursive: true });
    const log = await open(this.logFile, 'a');
    try {
      const child = spawn(process.execPath, command, { detached: true, stdio: ['ignore', log.fd, log.fd] });
      const ended = new Promise<Ended>((resolve) => {
        child.once('exit', (code, signal) => resolve({ code, signal }));
      });
      const pid = await new Promise<number>((resolve, reject) => {
        child.once('error', reject);
        child.once('spawn', () => resolve(child.pid as number));
      });
      return { pid, ended };
    } finally {
      await log.close();
    }
  }

  /**
   * Ends the process in order, and by force after `graceMs`.
   * @returns how it went; 'absent' when there was none.
   */
  async stop(graceMs: number): Promise<'absent' | 'stopped' | 'killed'> {
    const pid = await this.livePid();
    if (pid === undefined) {
      await rm(this.#pidFile, { force: true });
      return 'absent';
    }
    signalProcess(pid, 'SIGTERM');
    const inOrder = await this.#waitForEnd(pid, graceMs);
    if (!inOrder) {
      signalProcess(pid, 'SIGKILL');
      await this.#waitForEnd(pid, graceMs);
    }
    await rm(this.#pidFile, { force: true });
    return inOrder ? 'stopped' : 'killed';
  }

  async #waitForEnd(pid: number, timeoutMs: number): Promise<boolean> {
    const deadline = this.#clock.monotonicMs() + timeoutMs;
    while (isProcess(pid, this.node.identity)) {
      if (this.#clock.monotonicMs() >= deadline) return false;
      await sleep(this.#clock, POLL_INTERVAL_MS);
    }
    return true;
  }

  /** The end of its log, as the end of an error message. */
  async lastWords(): Promise<string> {
    const lines = await logTail(this.logFile);
    return lines.length === 0
      ? ` Its log ${this.logFile} is empty.`
      : ` Its log ${this.logFile} ends with:\n${lines.map((line) => `  ${line}`).join('\n')}`;
  }
}

/** Numbers of processes are used again: only the process with our argument on its command line is ours. */
function isProcess(pid: number, identity: string): boolean {
  try {
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return commandLine === '' ? isExiting(pid) : commandLine.split('\0').includes(identity);
  } catch (error) {
    if (osErrorCode(error) !== 'ENOENT') return false;
    return process.platform !== 'linux' && isAnyProcess(pid);
  }
}

/**
 * A process that is being killed loses its command line first, and its ports and locks a moment later; only a zombie has nothing left.
 * Nobody can take its number until then.
 */
function isExiting(pid: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [state, , , , , , flags] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state !== 'Z' && state !== 'X' && (Number(flags) & PF_EXITING) !== 0;
}

/** The kernel's flag for it (include/linux/sched.h). */
const PF_EXITING = 0x4;

/** Where there is no /proc, a living number has to do. */
function isAnyProcess(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return osErrorCode(error) === 'EPERM';
  }
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (osErrorCode(error) !== 'ESRCH') throw error; // it has just ended by itself
  }
}
