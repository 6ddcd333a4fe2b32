/** Files that were growing when their mount was killed: they are closed, so that programs can go on with them at once, not when the lease has run out. */
import type { Clock } from '../../common/clock.js';
import { isDfsError, messageOf } from '../../common/errors.js';
import type { Logger } from '../../common/logging.js';
import type { FileSystem } from '../file-system.js';
import { pause } from '../pause.js';
import { inodePath } from '../posix-namespace.js';

/** Recoveries that are waited for at a time; each is begun by a heartbeat of a DataNode. */
const AT_A_TIME = 16;
const POLL_MS = 250;
/** DataNodes that do not answer must not keep programs from the other files: recovery goes on without us. */
const PATIENCE_MS = 30_000;

/**
 * Never fails.
 * @returns whether the recovery of all of them is done, or goes on in the cluster; false when it could not be asked for, as in safe mode.
 */
export async function closeFilesOf(fs: FileSystem, clientName: string, clock: Clock, logger: Logger): Promise<boolean> {
  const deadlineMs = clock.monotonicMs() + PATIENCE_MS;
  const files = fs.openFilesOf(clientName)[Symbol.asyncIterator]();
  let closed = 0;
  const worker = async (): Promise<void> => {
    for (let next = await files.next(); next.done !== true; next = await files.next()) {
      if (await closeFile(fs, next.value, clock, deadlineMs)) closed++;
    }
  };
  let isDone = true;
  try {
    await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  } catch (error) {
    logger.warn({ clientName, reason: messageOf(error) }, 'could not close all files that a killed mount was writing');
    isDone = false;
  }
  if (closed > 0) logger.info({ clientName, closed }, 'closed the files that a killed mount was writing');
  return isDone;
}

async function closeFile(fs: FileSystem, fileId: number, clock: Clock, deadlineMs: number): Promise<boolean> {
  try {
    while (!(await fs.recoverLease(inodePath(fileId)))) {
      if (clock.monotonicMs() > deadlineMs) return false;
      await pause(clock, POLL_MS, undefined, 'lease recovery');
    }
    return true;
  } catch (error) {
    if (isDfsError(error, 'FileNotFound', 'AccessControl')) return false;
    throw error;
  }
}
