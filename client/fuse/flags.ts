/** Flags of system calls, as far as a file system has to know them. */
import { constants } from 'node:fs';
import type { XattrMode } from '../posix-namespace.js';
import type { OpenRequest } from './file-system-operations.js';

/** Of setxattr(2). */
export const XattrFlag = { CREATE: 1, REPLACE: 2 } as const;

/** Of open(2), for a file that exists. */
export function openRequest(flags: number, dropsPrivileges: boolean): OpenRequest {
  return {
    writes: (flags & (constants.O_WRONLY | constants.O_RDWR)) !== 0,
    appends: (flags & constants.O_APPEND) !== 0,
    truncates: (flags & constants.O_TRUNC) !== 0,
    dropsPrivileges,
  };
}

/** Of open(2) with O_CREAT, for a file that there was not when the kernel looked. */
export function createRequest(flags: number): OpenRequest & { readonly exclusive: boolean } {
  return { ...openRequest(flags, false), exclusive: (flags & constants.O_EXCL) !== 0 };
}

export function xattrMode(flags: number): XattrMode {
  if (flags === XattrFlag.CREATE) return 'create';
  return flags === XattrFlag.REPLACE ? 'replace' : 'set';
}
