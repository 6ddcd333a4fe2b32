import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { loadConfiguration } from '../../../common/config/configuration.js';
import { DfsError } from '../../../common/errors.js';
import { createLogger } from '../../../common/logging.js';
import { logTail } from '../../cluster/log-tail.js';
import { DFS_SCRIPT } from '../../cluster/package-root.js';
import type { FileSystem } from '../../file-system.js';
import type { Session } from '../session.js';
import { defineVerb } from '../verb.js';

interface Options {
  readonly foreground?: true;
  readonly readOnly?: true;
  readonly log?: string;
}

/** Not one for temporary files: there others could have put something under the name. */
const LOG_DIRECTORY = '/var/log';

/** Time to save what is open and to unmount. */
const CLEAN_UP_MS = 40_000;

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description(
        'Make the cluster a directory of this machine, where ordinary programs work. It needs root, and the right to act as superuser of the cluster ' +
          '(docs/MOUNT.md). What is mounted at the directory by a process that has died is unmounted first.\n\n' +
          'A process of its own serves the mount in the background, until `dfs umount`, SIGTERM, or the end of the machine.',
      )
      .argument('<directory>')
      .option('-f, --foreground', 'serve the mount in this process: for systemd, and to see its log')
      .option('-r, --read-only', 'nothing can be changed through this mount')
      .option('--log <file>', 'log of the background process (default: /var/log/dfs-mount-….log)');
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
    overrides: { ...configuration.given(), 'fs.permissions.umask-mode': '000' },
  });
  const fs = (await environment.connect(namenode, withoutUmask)) as FileSystem;
  try {
    await runMount({
      fs,
      mountPoint,
      namenode,
      readOnly: options.readOnly === true,
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
async function startInBackground(session: Session, mountPoint: string, { readOnly, log }: Options): Promise<void> {
  const logFile = resolve(
    session.environment.workingDirectory,
    log ?? join(LOG_DIRECTORY, `dfs-mount${mountPoint.replaceAll('/', '-')}.log`),
  );
  const output = await open(logFile, 'a');
  const settings = Object.entries(session.configuration.given()).flatMap(([name, value]) => ['-D', `${name}=${value}`]);
  const args = ['mount', mountPoint, '--foreground', '--namenode', session.namenode, ...settings];
  const child = spawn(process.execPath, [DFS_SCRIPT, ...args, ...(readOnly ? ['--read-only'] : [])], {
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
