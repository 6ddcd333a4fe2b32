/**
 * What fuse-native knows of a request and does not tell. Its record, `fuse_thread_locals_t` of version 2.2.6 on a 64-bit machine:
 *
 *     48  info    where the request's fuse_file_info is, which begins with the flags of open(2)
 *     104 atime   milliseconds since 1970
 *     112 mtime   (of which the handler is given the atime once more)
 *
 * Nothing in it says who asks.
 */
import { constants, openSync, readSync } from 'node:fs';
import { DfsError } from '../../../common/errors.js';
import type { TimesChange } from '../../types.js';

const RECORD_BYTES = 360;
const INFO_AT = 48;
const ATIME_AT = 104;
const MTIME_AT = 112;

/** @throws DfsError `Unsupported` when this is the record of another build. */
function requireKnown(record: Buffer): void {
  if (record.length === RECORD_BYTES) return;
  throw new DfsError('Unsupported', `a record of fuse-native has ${record.length} bytes instead of ${RECORD_BYTES}`);
}

/** The times that utimens wants to set: to the millisecond, and not before 1970, where the cluster's begin. */
export function recordedTimes(record: Buffer): TimesChange {
  requireKnown(record);
  const at = (offset: number) => Math.max(0, Number(record.readBigInt64LE(offset)));
  return { accessTimeMs: at(ATIME_AT), modificationTimeMs: at(MTIME_AT) };
}

/** Reads the flags of a create. Linux shows a process its own memory as a file; an address that is none gives an error there. */
export class CreateFlags {
  readonly #memory = openSync('/proc/self/mem', constants.O_RDONLY);
  readonly #flags = Buffer.alloc(4);

  /** Without waiting: it is a copy within the memory. @throws DfsError `Unsupported` when these are no flags of a create. */
  of(record: Buffer): number {
    requireKnown(record);
    readSync(this.#memory, this.#flags, 0, this.#flags.length, record.readBigUInt64LE(INFO_AT));
    const flags = this.#flags.readUInt32LE(0);
    if ((flags & constants.O_CREAT) !== 0) return flags;
    throw new DfsError('Unsupported', `0${flags.toString(8)} stands where fuse-native has the flags of a create`);
  }
}
