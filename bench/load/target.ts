/** What the bench asks of a file system, ours through the SDK or any other through its mount; the load is the same for all. */
import { directoryTarget } from './directory-target.js';
import { sdkTarget } from './sdk-target.js';

export interface Target {
  makeDirectory(path: string): Promise<void>;
  /** A new empty file, closed. */
  create(path: string): Promise<void>;
  stat(path: string): Promise<void>;
  /** Opens the file for reading and closes it. */
  open(path: string): Promise<void>;
  /** @returns how many entries the directory has. */
  list(path: string): Promise<number>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** A new file, closed once its bytes are as safe as this file system makes them on fsync. */
  write(path: string, bytes: Buffer): Promise<void>;
  /** The whole file of `length` bytes. */
  read(path: string, length: number): Promise<Buffer>;
  /** Keeps the file open for reads of parts of it, past any cache of the kernel's. */
  openRandom(path: string): Promise<RandomReader>;
  close(): Promise<void>;
}

export interface RandomReader {
  read(position: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** Where paths begin: at the root of a NameNode's tree, or in a directory of this machine. */
export type TargetPlace = { readonly namenode: string } | { readonly directory: string };

export async function openTarget(place: TargetPlace): Promise<Target> {
  return 'namenode' in place ? await sdkTarget(place.namenode) : directoryTarget();
}
