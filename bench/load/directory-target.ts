/**
 * A directory of this machine, such as a peer's mount: the process's working directory, so that no call pays for the path to it. Each call
 * waits in a thread of its own, as long as UV_THREADPOOL_SIZE allows.
 */
import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import type { RandomReader, Target } from './target.js';

const NEW_FILE = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY;

async function readFrom(path: string, flags: number): Promise<RandomReader> {
  const file = await open(path, flags);
  return {
    async read(position, length) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, position);
      return buffer.subarray(0, bytesRead);
    },
    close: () => file.close(),
  };
}

export function directoryTarget(): Target {
  return {
    async makeDirectory(path) {
      await mkdir(path, { recursive: true });
    },
    async create(path) {
      await (await open(path, NEW_FILE)).close();
    },
    async stat(path) {
      await stat(path);
    },
    async open(path) {
      await (await open(path, constants.O_RDONLY)).close();
    },
    list: async (path) => (await readdir(path)).length,
    rename,
    remove: unlink,
    async write(path, bytes) {
      const file = await open(path, NEW_FILE);
      await file.write(bytes);
      await file.sync();
      await file.close();
    },
    async read(path, length) {
      const file = await readFrom(path, constants.O_RDONLY);
      const bytes = await file.read(0, length);
      await file.close();
      return bytes;
    },
    openRandom: (path) => readFrom(path, constants.O_RDONLY | constants.O_DIRECT),
    close: async () => {},
  };
}
