/**
 * Requests of the kernel, from the bytes that a read of /dev/fuse gives:
 *
 *     ┌─────┬────────┬────────┬────────┬─────┬─────┬─────┬─────────┬──────────────────────────┐
 *     │ len │ opcode │ unique │ nodeid │ uid │ gid │ pid │ padding │ fields, names with a NUL │
 *     │  4  │   4    │   8    │   8    │  4  │  4  │  4  │    4    │ as the opcode has them   │
 *     └─────┴────────┴────────┴────────┴─────┴─────┴─────┴─────────┴──────────────────────────┘
 *
 * Numbers are in the machine's byte order: little-endian on every machine that Node runs on today.
 */
import { DfsError } from '../../../common/errors.js';
import { IN_HEADER_BYTES, OPEN_KILL_SUIDGID, Opcode, WRITE_IN_BYTES, WRITE_KILL_SUIDGID } from './constants.js';

/** Who asks. */
export interface RequestHeader {
  readonly opcode: number;
  readonly unique: bigint;
  /** The inode that the request is about. */
  readonly node: number;
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
}

/** Seconds since 1970, which may be negative, and nanoseconds. */
export interface WireTime {
  readonly seconds: bigint;
  readonly nanoseconds: number;
}

export interface SetattrFields {
  readonly valid: number;
  readonly size: bigint;
  readonly atime: WireTime;
  readonly mtime: WireTime;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** The fields of one request. Names are bytes; `data` and `value` are views of the request's buffer. */
export type RequestBody =
  | {
      readonly op: 'init';
      readonly major: number;
      readonly minor: number;
      readonly maxReadahead: number;
      readonly flags: number;
    }
  | { readonly op: 'lookup' | 'unlink' | 'rmdir' | 'removexattr'; readonly name: Buffer }
  | { readonly op: 'forget'; readonly nodes: readonly { readonly node: number; readonly lookups: number }[] }
  | { readonly op: 'getattr' | 'readlink' | 'statfs' | 'destroy' | 'opendir' }
  | ({ readonly op: 'setattr' } & SetattrFields)
  | { readonly op: 'symlink'; readonly name: Buffer; readonly target: Buffer }
  | { readonly op: 'mknod' | 'mkdir'; readonly name: Buffer; readonly mode: number }
  | {
      readonly op: 'rename';
      readonly newParent: number;
      readonly flags: number;
      readonly name: Buffer;
      readonly newName: Buffer;
    }
  | { readonly op: 'link'; readonly oldNode: number; readonly name: Buffer }
  | { readonly op: 'open'; readonly flags: number; readonly dropsPrivileges: boolean }
  | { readonly op: 'create'; readonly flags: number; readonly mode: number; readonly name: Buffer }
  | {
      readonly op: 'read' | 'readdir' | 'readdirplus';
      readonly handle: number;
      readonly offset: number;
      readonly size: number;
    }
  | {
      readonly op: 'write';
      readonly handle: number;
      readonly offset: number;
      readonly data: Buffer;
      readonly dropsPrivileges: boolean;
    }
  | { readonly op: 'release' | 'releasedir' | 'flush' | 'fsync' | 'fsyncdir'; readonly handle: number }
  | { readonly op: 'setxattr'; readonly name: Buffer; readonly value: Buffer; readonly flags: number }
  | { readonly op: 'getxattr'; readonly name: Buffer; readonly size: number }
  | { readonly op: 'listxattr'; readonly size: number }
  | { readonly op: 'interrupt'; readonly unique: bigint }
  | {
      readonly op: 'fallocate';
      readonly handle: number;
      readonly offset: number;
      readonly length: number;
      readonly mode: number;
    }
  | { readonly op: 'unknown' };

export interface Request {
  readonly header: RequestHeader;
  readonly body: RequestBody;
}

/** @throws DfsError `ProtocolViolation` when the bytes are no whole request. */
export function decodeRequest(bytes: Buffer): Request {
  if (bytes.length < IN_HEADER_BYTES || bytes.readUInt32LE(0) !== bytes.length) throw malformed(bytes);
  const header = {
    opcode: bytes.readUInt32LE(4),
    unique: bytes.readBigUInt64LE(8),
    node: safe(bytes, 16),
    uid: bytes.readUInt32LE(24),
    gid: bytes.readUInt32LE(28),
    pid: bytes.readUInt32LE(32),
  };
  try {
    return { header, body: decodeBody(header, bytes.subarray(IN_HEADER_BYTES)) };
  } catch (error) {
    throw error instanceof RangeError ? malformed(bytes) : error;
  }
}

function decodeBody({ opcode, node }: RequestHeader, bytes: Buffer): RequestBody {
  const u32 = (at: number) => bytes.readUInt32LE(at);
  switch (opcode) {
    case Opcode.INIT:
      return { op: 'init', major: u32(0), minor: u32(4), maxReadahead: u32(8), flags: u32(12) };
    case Opcode.LOOKUP:
      return { op: 'lookup', name: nameAt(bytes, 0) };
    case Opcode.UNLINK:
      return { op: 'unlink', name: nameAt(bytes, 0) };
    case Opcode.RMDIR:
      return { op: 'rmdir', name: nameAt(bytes, 0) };
    case Opcode.REMOVEXATTR:
      return { op: 'removexattr', name: nameAt(bytes, 0) };
    case Opcode.FORGET:
      return { op: 'forget', nodes: [{ node, lookups: safe(bytes, 0) }] };
    case Opcode.BATCH_FORGET:
      return { op: 'forget', nodes: forgotten(bytes) };
    case Opcode.GETATTR:
      return { op: 'getattr' };
    case Opcode.SETATTR:
      return { op: 'setattr', ...setattr(bytes) };
    case Opcode.READLINK:
      return { op: 'readlink' };
    case Opcode.SYMLINK: {
      const name = nameAt(bytes, 0);
      return { op: 'symlink', name, target: nameAt(bytes, name.length + 1) };
    }
    case Opcode.MKNOD:
      return { op: 'mknod', mode: u32(0), name: nameAt(bytes, 16) };
    case Opcode.MKDIR:
      return { op: 'mkdir', mode: u32(0), name: nameAt(bytes, 8) };
    case Opcode.RENAME:
      return { op: 'rename', newParent: safe(bytes, 0), flags: 0, ...twoNames(bytes, 8) };
    case Opcode.RENAME2:
      return { op: 'rename', newParent: safe(bytes, 0), flags: u32(8), ...twoNames(bytes, 16) };
    case Opcode.LINK:
      return { op: 'link', oldNode: safe(bytes, 0), name: nameAt(bytes, 8) };
    case Opcode.OPEN:
      return { op: 'open', flags: u32(0), dropsPrivileges: (u32(4) & OPEN_KILL_SUIDGID) !== 0 };
    case Opcode.CREATE:
      return { op: 'create', flags: u32(0), mode: u32(4), name: nameAt(bytes, 16) };
    case Opcode.READ:
      return { op: 'read', handle: safe(bytes, 0), offset: safe(bytes, 8), size: u32(16) };
    case Opcode.READDIR:
      return { op: 'readdir', handle: safe(bytes, 0), offset: safe(bytes, 8), size: u32(16) };
    case Opcode.READDIRPLUS:
      return { op: 'readdirplus', handle: safe(bytes, 0), offset: safe(bytes, 8), size: u32(16) };
    case Opcode.WRITE:
      return {
        op: 'write',
        handle: safe(bytes, 0),
        offset: safe(bytes, 8),
        data: tail(bytes, WRITE_IN_BYTES, u32(16)),
        dropsPrivileges: (u32(20) & WRITE_KILL_SUIDGID) !== 0,
      };
    case Opcode.STATFS:
      return { op: 'statfs' };
    case Opcode.RELEASE:
      return { op: 'release', handle: safe(bytes, 0) };
    case Opcode.RELEASEDIR:
      return { op: 'releasedir', handle: safe(bytes, 0) };
    case Opcode.FLUSH:
      return { op: 'flush', handle: safe(bytes, 0) };
    case Opcode.FSYNC:
      return { op: 'fsync', handle: safe(bytes, 0) };
    case Opcode.FSYNCDIR:
      return { op: 'fsyncdir', handle: safe(bytes, 0) };
    case Opcode.OPENDIR:
      return { op: 'opendir' };
    case Opcode.SETXATTR: {
      const name = nameAt(bytes, 8);
      return { op: 'setxattr', flags: u32(4), name, value: tail(bytes, 8 + name.length + 1, u32(0)) };
    }
    case Opcode.GETXATTR:
      return { op: 'getxattr', size: u32(0), name: nameAt(bytes, 8) };
    case Opcode.LISTXATTR:
      return { op: 'listxattr', size: u32(0) };
    case Opcode.INTERRUPT:
      return { op: 'interrupt', unique: bytes.readBigUInt64LE(0) };
    case Opcode.FALLOCATE:
      return {
        op: 'fallocate',
        handle: safe(bytes, 0),
        offset: safe(bytes, 8),
        length: safe(bytes, 16),
        mode: u32(24),
      };
    case Opcode.DESTROY:
      return { op: 'destroy' };
    default:
      return { op: 'unknown' };
  }
}

function setattr(bytes: Buffer): SetattrFields {
  const time = (at: number, nanosecondsAt: number): WireTime => ({
    seconds: bytes.readBigInt64LE(at),
    nanoseconds: bytes.readUInt32LE(nanosecondsAt),
  });
  return {
    valid: bytes.readUInt32LE(0),
    size: bytes.readBigUInt64LE(16),
    atime: time(32, 56),
    mtime: time(40, 60),
    mode: bytes.readUInt32LE(68),
    uid: bytes.readUInt32LE(76),
    gid: bytes.readUInt32LE(80),
  };
}

function forgotten(bytes: Buffer): { node: number; lookups: number }[] {
  return Array.from({ length: bytes.readUInt32LE(0) }, (_, i) => ({
    node: safe(bytes, 8 + 16 * i),
    lookups: safe(bytes, 16 + 16 * i),
  }));
}

function twoNames(bytes: Buffer, at: number): { name: Buffer; newName: Buffer } {
  const name = nameAt(bytes, at);
  return { name, newName: nameAt(bytes, at + name.length + 1) };
}

/** The bytes up to the next NUL. */
function nameAt(bytes: Buffer, at: number): Buffer {
  const end = bytes.indexOf(0, at);
  if (end < 0) throw new RangeError('a name has no end');
  return bytes.subarray(at, end);
}

function tail(bytes: Buffer, at: number, length: number): Buffer {
  if (at + length > bytes.length) throw new RangeError('data is missing');
  return bytes.subarray(at, at + length);
}

/** A 64-bit number that is an id, an offset or a length. */
function safe(bytes: Buffer, at: number): number {
  const value = bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
  if (!Number.isSafeInteger(value)) throw new RangeError('a number is too large');
  return value;
}

function malformed(bytes: Buffer): DfsError {
  return new DfsError('ProtocolViolation', `the kernel sent ${bytes.length} bytes that are no FUSE request`);
}
