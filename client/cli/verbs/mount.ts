import { spawn } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Option } from 'commander';
import { loadConfiguration } from '../../../common/config/configuration.js';
import { DfsError } from '../../../common/errors.js';
import { createLogger } from '../../../common/logging.js';
import { logTail } from '../../cluster/log-tail.js';
import { DFS_SCRIPT } from '../../cluster/package-root.js';
import type { FileSystem } from '../../file-system.js';
import { chooseDriver, DRIVERS, type DriverName } from '../../fuse/driver-choice.js';
import type { Session } from '../session.js';
import { defineVerb } from '../verb.js';

interface Options {
  readonly foreground?: true;
  readonly readOnly?: true;
  readonly driver: DriverName | 'auto';
  readonly allowOther?: true;
  readonly log?: string;
}

/** Not one for temporary files: there others could have put something under the name. */
const LOG_DIRECTORY = '/var/log';
/** Where a user who is not root keeps what these are: logs, and what was written to the middle of files. */
const STATE_DIRECTORY = join(homedir(), '.local', 'state', 'dfs');

/** Time to save what is open and to unmount. */
const CLEAN_UP_MS = 40_000;

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description(
        'Make the cluster a directory of this machine, where ordinary programs work. Root mounts for all users of the machine, and needs the right to act as ' +
          'superuser of the cluster; any other user mounts for himself, through fuse-native (docs/MOUNT.md). What is mounted at the directory by a process that has died is ' +
          'unmounted first.\n\n' +
          'A process of its own serves the mount in the background, until `dfs umount`, SIGTERM, or the end of the machine.',
      )
      .argument('<directory>')
      .option('-f, --foreground', 'serve the mount in this process: for systemd, and to see its log')
      .option('-r, --read-only', 'nothing can be changed through this mount')
      .addOption(
        new Option(
          '--driver <name>',
          'what speaks with the kernel: this program itself, which needs root, or the package fuse-native',
        )
          .choices(['auto', ...DRIVERS])
          .default('auto'),
      )
      .option(
        '--allow-other',
        'with fuse-native: other users may use it, too; what they make belongs to the user who mounts',
      )
      .option(
        '--log <file>',
        `log of the background process (default: ${LOG_DIRECTORY}/dfs-mount-….log; not root: ~/.local/state/dfs)`,
      );
  },
  cleanUpMs: CLEAN_UP_MS,
  async run(session, [directory = ''], options) {
    const mountPoint = resolve(session.environment.workingDirectory, directory);
    if (options.foreground) await serve(session, mountPoint, options);
    else await startInBackground(session, mountPoint, options);
  },
});

async function serve(session: Session, mountPoint: string, options: Options): Promise<void> {
  const { environment, configuration, namenode } = session;
  const { runMount } = await import('../../fuse/mount.js');
  const withoutUmask = loadConfiguration({
    overrides: {
      ...(isRoot() ? {} : { 'dfs.client.mount.staging.dir': join(STATE_DIRECTORY, 'staging') }),
      ...configuration.given(),
      'fs.permissions.umask-mode': '000',
    },
  });
  const fs = (await environment.connect(namenode, withoutUmask)) as FileSystem;
  try {
    await runMount({
      fs,
      mountPoint,
      homeDirectory: `/user/${environment.user}`,
      namenode,
      readOnly: options.readOnly === true,
      driver: chooseDriver(options.driver),
      allowOther: options.allowOther === true,
      configuration: withoutUmask,
      clock: environment.clock,
      logger: createLogger({ name: 'mount' }),
      signal: session.signal,
      onMounted: () => process.send?.('mounted'),
    });
  } finally {
    await fs.close();
  }
}

/** Returns when the mount can be used. @throws DfsError with the last words of the process when it does not come to that. */
async function startInBackground(session: Session, mountPoint: string, options: Options): Promise<void> {
  const logFile = resolve(
    session.environment.workingDirectory,
    options.log ?? join(isRoot() ? LOG_DIRECTORY : STATE_DIRECTORY, `dfs-mount${mountPoint.replaceAll('/', '-')}.log`),
  );
  if (options.log === undefined) await mkdir(dirname(logFile), { recursive: true });
  const output = await open(logFile, 'a');
  const settings = Object.entries(session.configuration.given()).flatMap(([name, value]) => ['-D', `${name}=${value}`]);
  const args = ['mount', mountPoint, '--foreground', '--namenode', session.namenode, ...settings];
  const flags = [
    ...(options.readOnly ? ['--read-only'] : []),
    ...(options.allowOther ? ['--allow-other'] : []),
    ...['--driver', options.driver],
  ];
  const child = spawn(process.execPath, [DFS_SCRIPT, ...args, ...flags], {
    cwd: '/', // whatever directory it would stand in could not be unmounted
    detached: true,
    stdio: ['ignore', output.fd, output.fd, 'ipc'],
  });
  try {
    const isMounted = await new Promise<boolean>((resolveStart, reject) => {
      child.once('message', () => resolveStart(true));
      child.once('exit', () => resolveStart(false));
      child.once('error', reject);
      session.signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
    });
    if (isMounted) return;
    const lines = await logTail(logFile);
    throw new DfsError(
      'Internal',
      lines.at(-1)?.replace(/^mount: /, '') ?? `the process has ended; its log is ${logFile}`,
    );
  } finally {
    await output.close();
    if (child.connected) child.disconnect();
    child.unref();
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}
