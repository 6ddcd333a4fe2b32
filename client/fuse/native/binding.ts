/**
 * The npm package `fuse-native` 2.2.6, as far as it is used here: an addon around libfuse 2, whose threads hand each request to the event loop
 * and wait for its answer. It is an optional dependency, and its addon loads only where there is a libfuse.so.2.
 */
import { createRequire } from 'node:module';
import { DfsError, messageOf } from '../../../common/errors.js';

/**
 * Answers a request, which has to happen once: its first value is a result of libfuse's (negative: an errno), the others belong to the operation. A request
 * without an answer holds one of libfuse's threads, and its program, for ever.
 */
export type Signal = (result: number, ...values: readonly unknown[]) => void;

/** How the addon calls for one operation: with its record of the request, the number of the operation, and the arguments. */
export type NativeHandler = (record: Buffer, operation: number, ...values: readonly unknown[]) => void;

/** Arguments of the operations after the signal. Of a number in two parts the lower 32 bits come first. */
export interface NativeOperations {
  getattr(signal: Signal, path: string): void;
  fgetattr(signal: Signal, path: string, handle: number): void;
  readlink(signal: Signal, path: string): void;
  readdir(signal: Signal, path: string): void;
  statfs(signal: Signal, path: string): void;

  mkdir(signal: Signal, path: string, mode: number): void;
  mknod(signal: Signal, path: string, mode: number): void;
  symlink(signal: Signal, target: string, path: string): void;
  link(signal: Signal): void;
  unlink(signal: Signal, path: string): void;
  rmdir(signal: Signal, path: string): void;
  rename(signal: Signal, from: string, to: string): void;

  chmod(signal: Signal, path: string, mode: number): void;
  chown(signal: Signal, path: string, uid: number, gid: number): void;
  truncate(signal: Signal, path: string, sizeLow: number, sizeHigh: number): void;
  ftruncate(signal: Signal, path: string, handle: number, sizeLow: number, sizeHigh: number): void;
  utimens(signal: Signal, path: string): void;
  setxattr(signal: Signal, path: string, name: string, value: Buffer, position: number, flags: number): void;
  getxattr(signal: Signal, path: string, name: string, target: Buffer): void;
  listxattr(signal: Signal, path: string, target: Buffer): void;
  removexattr(signal: Signal, path: string, name: string): void;

  open(signal: Signal, path: string, flags: number): void;
  create(signal: Signal, path: string, mode: number): void;
  read(
    signal: Signal,
    path: string,
    handle: number,
    target: Buffer,
    size: number,
    offsetLow: number,
    offsetHigh: number,
  ): void;
  write(
    signal: Signal,
    path: string,
    handle: number,
    data: Buffer,
    size: number,
    offsetLow: number,
    offsetHigh: number,
  ): void;
  flush(signal: Signal, path: string, handle: number): void;
  fsync(signal: Signal, path: string, datasync: number, handle: number): void;
  fsyncdir(signal: Signal): void;
  release(signal: Signal, path: string, handle: number): void;
}

export type OperationName = keyof NativeOperations;

/** An instance of its class. What begins with an underscore is not for programs; the version is pinned for that reason. */
export interface NativeFuse {
  /** Options for libfuse, as one argument of a command. */
  _fuseOptions(): string;
  /** By number of the operation. */
  readonly _handlers: NativeHandler[];
  mount(callback: (error: Error | null) => void): void;
}

interface NativeFuseClass {
  /** `operations` says which there are; `timeout: false`: an operation may take as long as it takes. */
  new (
    mountPoint: string,
    operations: Readonly<Partial<Record<OperationName, unknown>>>,
    options: { readonly timeout: false },
  ): NativeFuse;
}

/** @throws DfsError `Unsupported` where it is not installed, or cannot be loaded. */
export function loadFuseNative(): NativeFuseClass {
  try {
    return createRequire(import.meta.url)('fuse-native') as NativeFuseClass;
  } catch (error) {
    const why = messageOf(error).split('\n')[0];
    throw new DfsError(
      'Unsupported',
      `fuse-native cannot be loaded (${why}): it needs Linux on x86-64 with libfuse 2 (Debian: apt-get install libfuse2 fuse3), and npm ci without --omit=optional`,
    );
  }
}
