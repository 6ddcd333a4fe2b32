/** A mount from its beginning to its end. */
import { realpath, stat, writeFile } from 'node:fs/promises';
import { type Clock, sleep } from '../../common/clock.js';
import type { Configuration } from '../../common/config/configuration.js';
import { DfsError, isDfsError, messageOf, osErrorCode } from '../../common/errors.js';
import type { Logger } from '../../common/logging.js';
import { nodeDisk } from '../../common/node-disk.js';
import type { FileSystem } from '../file-system.js';
import { newAbortController } from '../on-abort.js';
import { pause } from '../pause.js';
import type { Driver } from './driver.js';
import { type DriverName, loadDriver } from './driver-choice.js';
import { HiddenDirectory } from './hidden-directory.js';
import { Identities } from './identities.js';
import { forceUnmount, isDead, MOUNT_TYPE, mountedAt, unmount } from './mount-table.js';
import { MountedFileSystem } from './mounted-file-system.js';
import { StagingArea } from './staging.js';
import { recoverStaged } from './staging-recovery.js';

export interface MountRequest {
  /** Connected with a umask of 0: the kernel has taken off the program's own. */
  readonly fs: FileSystem;
  readonly mountPoint: string;
  /** In the cluster, of the user in whose name the mount acts. */
  readonly homeDirectory: string;
  /** `host:port` of the NameNode, for the table of mounts. */
  readonly namenode: string;
  readonly readOnly: boolean;
  readonly driver: DriverName;
  /** As {@link DriverOptions} has it. */
  readonly allowOther: boolean;
  readonly configuration: Configuration;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Unmounts when it aborts. */
  readonly signal: AbortSignal;
  /** Called when programs can use it. */
  readonly onMounted: () => void;
}

/**
 * Mounts, serves, and returns when the file system is unmounted, by whomever.
 * @throws DfsError `FileNotFound`, `NotADirectory`, `DirectoryLocked` (it is mounted already), and those of the driver.
 */
export async function runMount(request: MountRequest): Promise<void> {
  const { fs, namenode, readOnly, allowOther, configuration, clock, logger, signal } = request;
  const mountWithDriver = await loadDriver(request.driver);
  const mountPoint = await prepareMountPoint(request.mountPoint, logger);
  const hidden = new HiddenDirectory(fs, request.homeDirectory, logger, clock);
  const staging = stagingArea(request, mountPoint);
  const recover = () =>
    recoverStaged({
      disk: nodeDisk,
      directory: configuration.get('dfs.client.mount.staging.dir'),
      contents: { fs, hidden, staging },
      clock,
      logger,
    });
  const isRecovered = readOnly || (await takeUpStaged(staging, recover));
  const operations = new MountedFileSystem({
    fs,
    hidden,
    staging,
    identities: new Identities(),
    clock,
    logger,
    invalidate: (node, what) => driver.invalidate(node, what),
  });
  const driver = await mountWithDriver({
    mountPoint,
    source: namenode,
    readOnly,
    allowOther,
    operations,
    clock,
    logger,
  });
  await readFurtherAhead(mountPoint);
  logger.info({ mountPoint, namenode, driver: request.driver }, 'mounted');
  request.onMounted();
  if (!readOnly) void hidden.removeAbandoned();
  const over = newAbortController();
  if (!isRecovered) void repeat(recover, clock, over.signal);
  await Promise.race([driver.ended, aborted(signal)]);
  if (signal.aborted) await leave(mountPoint, operations, driver, request);
  logger.info({ mountPoint }, 'unmounted');
  over.abort();
  await operations.close();
  await staging.close();
}

function stagingArea({ fs, configuration }: MountRequest, mountPoint: string): StagingArea {
  const { clusterId } = fs.serverDefaults();
  return new StagingArea({
    disk: nodeDisk,
    directory: configuration.get('dfs.client.mount.staging.dir'),
    limitBytes: configuration.get('dfs.client.mount.staging.size'),
    owner: { clusterId, mountPoint, clientName: fs.clientName },
  });
}

/** Before programs see the files. True when nothing is left that could be tried again. */
async function takeUpStaged(staging: StagingArea, recover: () => Promise<boolean>): Promise<boolean> {
  await staging.open();
  return await recover();
}

const RECOVERY_PAUSE_MS = 10_000;

/** What could not be saved at the start, because the NameNode was in safe mode, or somebody was writing to the file. */
async function repeat(recover: () => Promise<boolean>, clock: Clock, signal: AbortSignal): Promise<void> {
  do {
    await pause(clock, RECOVERY_PAUSE_MS, signal, 'mount').catch(() => undefined);
  } while (!signal.aborted && !(await recover()));
}

/** The directory's true path, free of a mount whose process has died. */
async function prepareMountPoint(given: string, logger: Logger): Promise<string> {
  const directory = await realpath(given).catch((error: unknown) => {
    // Nothing can be asked of a dead mount, not even where it is.
    if (['ENOTCONN', 'ECONNABORTED'].includes(osErrorCode(error) ?? '')) return given;
    throw new DfsError('FileNotFound', `${given}: ${messageOf(error)}`);
  });
  for (let mount = await mountedAt(directory); mount !== undefined; mount = await mountedAt(directory)) {
    if (mount.type !== MOUNT_TYPE) break;
    if (!(await isDead(directory))) {
      throw new DfsError(
        'DirectoryLocked',
        `${mount.source} is mounted on ${directory} already; dfs umount ${directory} ends that`,
      );
    }
    logger.warn({ mountPoint: directory }, 'the process of the mount that was here has died; unmounting it');
    await unmount(directory, { lazy: true });
  }
  if (!(await stat(directory)).isDirectory()) throw new DfsError('NotADirectory', `${directory} is not a directory`);
  return directory;
}

/** The kernel's own 128 KiB cost half as much processor time again for a large file. Where it cannot be set, reading is a little slower. */
const READ_AHEAD_KIB = 1024;

async function readFurtherAhead(mountPoint: string): Promise<void> {
  const device = (await mountedAt(mountPoint))?.device;
  await writeFile(`/sys/class/bdi/${device}/read_ahead_kb`, String(READ_AHEAD_KIB)).catch(() => undefined);
}

/** Whoever still has the file system, in another mount name space for example, is cut off by the end of this process. */
const CUT_OFF_MS = 5_000;

/** In order when nobody uses it. Otherwise what was written is saved, and programs that have files open get errors from then on. */
async function leave(
  mountPoint: string,
  operations: MountedFileSystem,
  driver: Driver,
  { clock, logger }: MountRequest,
): Promise<void> {
  try {
    await unmount(mountPoint);
  } catch (error) {
    if (!isDfsError(error, 'Overloaded')) {
      // Somebody else has unmounted it at this moment.
      logger.warn({ reason: messageOf(error) }, 'could not unmount');
      if ((await mountedAt(mountPoint)) === undefined) return;
    }
    logger.warn({ mountPoint }, 'programs still use it: their files are saved and cut off');
    await operations.close();
    await forceUnmount(mountPoint);
  }
  await Promise.race([driver.ended, sleep(clock, CUT_OFF_MS)]);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
