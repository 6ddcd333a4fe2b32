/**
 * Mounts for tests, each on a directory of its own, gone at the end of the test whatever happens. The process of the test never calls the
 * file system of the mount synchronously, nor does it have to: all is done by programs that it starts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext, TestFn } from 'ava';
import { DRIVERS, type DriverName, whyNoKernelDriver } from '../../../client/fuse/driver-choice.js';
import { mountedAt, unmount } from '../../../client/fuse/mount-table.js';
import { loadFuseNative } from '../../../client/fuse/native/binding.js';
import { messageOf } from '../../../common/errors.js';
import { type CommandResult, resultOf, type TestCluster, waitFor } from '../harness.js';

/** A failing command ends the script; of `! command` the shell would take no notice, therefore `refused command`. */
const PRELUDE = `
cd "$0" && set -eo pipefail
refused() { if "$@"; then echo "not refused: $*" >&2; return 1; fi; }`;

/** Why nothing can be mounted with a driver here; undefined where that is possible. */
export const CANNOT_MOUNT: Readonly<Record<DriverName, string | undefined>> = {
  kernel: whyNoKernelDriver(),
  'fuse-native': whyNoKernelDriver() ?? whyNoFuseNative(),
};

function whyNoFuseNative(): string | undefined {
  try {
    loadFuseNative();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** By driver: why a test is not for it. Each of them stands in docs/MOUNT.md. */
export type Limits = Readonly<Partial<Record<DriverName, string>>>;

/** Declares a test once for each driver. One that cannot run is shown as skipped, with the reason. */
export function testWithDrivers(test: TestFn): (title: string, run: DrivenTest, limits?: Limits) => void {
  return (title, run, limits = {}) => {
    for (const driver of DRIVERS) {
      const why = CANNOT_MOUNT[driver] ?? limits[driver];
      if (why === undefined) test.serial(`${driver}: ${title}`, (t) => run(t, driver));
      else test.serial.skip(`${driver}: ${title} (${why})`, (t) => run(t, driver));
    }
  };
}

type DrivenTest = (t: ExecutionContext, driver: DriverName) => Promise<void>;

export class TestMount {
  readonly directory: string;
  readonly process: ChildProcess;
  readonly #output: Promise<CommandResult>;
  readonly #programs: ChildProcess[] = [];

  constructor(directory: string, child: ChildProcess) {
    this.directory = directory;
    this.process = child;
    this.#output = resultOf(child);
  }

  /**
   * Runs a shell script in the mount, and asserts that it succeeds: every command of it, and those that it says are refused (`refused rm x`)
   * fail.
   */
  async sh(t: ExecutionContext, script: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
    const { stdout, stderr, code } = await this.tryScript(script, env);
    t.is(code, 0, `${script}\n${stdout}${stderr}`);
    return stdout;
  }

  async tryScript(script: string, env: Readonly<Record<string, string>> = {}): Promise<CommandResult> {
    const child = spawn('bash', ['-c', `${PRELUDE}\n${script}`, this.directory], {
      env: { ...process.env, LC_ALL: 'C.UTF-8', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#programs.push(child);
    return await resultOf(child);
  }

  /** Kills the scripts that still run, with all that they have started. */
  endPrograms(): void {
    for (const { pid, exitCode, signalCode } of this.#programs) {
      if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL');
    }
  }

  /** What the process printed, once it has ended. */
  async ended(): Promise<CommandResult> {
    return await this.#output;
  }
}

/** Returns when programs can use it. */
export async function mount(
  t: ExecutionContext,
  cluster: TestCluster,
  driver: DriverName,
  { directory = mkdtempSync(join(tmpdir(), 'dfs-mount-')), args = [] as readonly string[] } = {},
): Promise<TestMount> {
  const staging = `dfs.client.mount.staging.dir=${join(cluster.directory, 'staging')}`;
  const child = cluster.spawnDfs(['mount', directory, '--foreground', '-D', staging, '--driver', driver, ...args]);
  const watchdog = startWatchdog(child.pid, directory);
  const mounted = new TestMount(directory, child);
  t.teardown(async () => {
    child.kill('SIGKILL'); // its requests fail from here on, so that nothing can hang on it
    await mounted.ended();
    mounted.endPrograms();
    await rmMount(directory);
    watchdog.kill('SIGKILL');
  });
  await waitFor(async () => {
    if (child.exitCode !== null) throw new Error(`the mount has ended: ${(await mounted.ended()).stderr}`);
    return await isServed(directory);
  }, 'the mount');
  return mounted;
}

/** What the teardown does, in case that the process of the test does not come to it: the end of its standard input is the end of that process. */
function startWatchdog(pid: number | undefined, directory: string): ChildProcess {
  const clear = 'cat >/dev/null; kill -9 "$1"; sleep 1; while umount -l "$2"; do :; done; rmdir "$2"';
  const child = spawn('sh', ['-c', clear, 'sh', String(pid), directory], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.unref();
  return child;
}

/** In hexadecimal: what statfs says of a FUSE file system. */
const FUSE_SUPER_MAGIC = '65735546';

/** The table of mounts would not do: a dead mount stands in it until the new process has taken it away, and then comes the bare directory. */
async function isServed(directory: string): Promise<boolean> {
  const { stdout, code } = await resultOf(spawn('stat', ['-f', '-c', '%t', directory]));
  return code === 0 && stdout.trim() === FUSE_SUPER_MAGIC;
}

async function rmMount(directory: string): Promise<void> {
  while ((await mountedAt(directory)) !== undefined) await unmount(directory, { lazy: true });
  await rm(directory, { recursive: true, force: true });
}
