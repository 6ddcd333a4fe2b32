/** What carries the kernel's questions to {@link FileSystemOperations}, and its answers back. */
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/logging.js';
import type { FileSystemOperations } from './file-system-operations.js';

/** Where the kernel's questions come from, whichever driver takes them. */
export const DEVICE = '/dev/fuse';

export interface DriverOptions {
  /** The true path of a directory. */
  readonly mountPoint: string;
  /** What the table of mounts shows: `127.0.0.1:8020`. */
  readonly source: string;
  readonly readOnly: boolean;
  /** Not only the user who mounts may use it. A driver that knows who asks lets the others in without being told. */
  readonly allowOther: boolean;
  readonly operations: FileSystemOperations;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A file system that is mounted. */
export interface Driver {
  /** Resolves when it is unmounted, by whomever, with the reason. */
  readonly ended: Promise<string>;
  /**
   * Tells the kernel that it does not know the inode as it is, where the driver can. To be waited for only for attributes: for pages the
   * kernel may have to wait for the very request that is being served.
   */
  invalidate(node: number, what: Invalidation): Promise<void>;
}

export type Invalidation = 'attributes' | 'everything';

/** @throws DfsError `Unsupported` where the driver is not available, `AccessControl` without the right to mount, `InvalidArgument`. */
export type MountWithDriver = (options: DriverOptions) => Promise<Driver>;
