/** What is mounted on this machine, by the kernel's own table. */
import { readFile, statfs } from 'node:fs/promises';
import { DfsError, osErrorCode } from '../../common/errors.js';
import { runTool } from './run-tool.js';

export const MOUNT_SUBTYPE = 'dfs';
/** What the type of our mounts is in the table. */
export const MOUNT_TYPE = `fuse.${MOUNT_SUBTYPE}`;

export interface MountEntry {
  readonly mountPoint: string;
  readonly type: string;
  readonly source: string;
  /** `major:minor`. */
  readonly device: string;
}

const TABLE = '/proc/self/mountinfo';

/** The lines of /proc/self/mountinfo. */
export function parseMountTable(text: string): MountEntry[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      const [, , device = '', , mountPoint = ''] = before.split(' ');
      const [type = '', source = ''] = after.split(' ');
      return { mountPoint: unescaped(mountPoint), type, source: unescaped(source), device };
    });
}

/** The mount that programs see at this directory, the last one when there are several. */
export async function mountedAt(directory: string): Promise<MountEntry | undefined> {
  const entries = parseMountTable(await readFile(TABLE, 'utf8'));
  return entries.filter(({ mountPoint }) => mountPoint === directory).at(-1);
}

/** Whether the process behind a mount has died: "Transport endpoint is not connected". */
export async function isDead(mountPoint: string): Promise<boolean> {
  try {
    await statfs(mountPoint); // stat may be answered from what the kernel remembers
    return false;
  } catch (error) {
    return ['ENOTCONN', 'ECONNABORTED'].includes(osErrorCode(error) ?? '');
  }
}

/**
 * Only root may unmount by himself; for others FUSE's own command does it where they have mounted.
 * @throws DfsError `Overloaded` (EAGAIN) while programs use it, unless `lazy`; `AccessControl`, `InvalidArgument`.
 */
export async function unmount(mountPoint: string, { lazy = false } = {}): Promise<void> {
  const [command, ...args] = isRoot()
    ? ['umount', '-i', ...(lazy ? ['-l'] : [])]
    : ['fusermount', '-u', ...(lazy ? ['-z'] : [])];
  const { code, stderr } = await runTool(command, [...args, mountPoint]);
  if (code === 0) return;
  const why = stderr.trim().replace(/^\w+: /, '') || `${command} ended with exit code ${code}`;
  if (/busy/.test(why)) throw new DfsError('Overloaded', `${mountPoint} is in use by a program; ${why}`);
  throw new DfsError(isRoot() ? 'InvalidArgument' : 'AccessControl', why);
}

/**
 * Cuts off the programs that use it: all that they ask for from now on fails. For users other than root that is so only once
 * the process that serves the mount has ended.
 */
export async function forceUnmount(mountPoint: string): Promise<void> {
  if (isRoot()) await runTool('umount', ['-i', '-f', mountPoint]); // ends the connection in any case, and often the mount, too
  if ((await mountedAt(mountPoint)) !== undefined) await unmount(mountPoint, { lazy: true });
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** The table writes blanks and backslashes as three octal digits. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
