/** Our file system through its SDK. */
import { FileSystem } from '../../client/index.js';
import type { Target } from './target.js';

const absolute = (path: string): string => `/${path}`;

export async function sdkTarget(namenode: string): Promise<Target> {
  const fs = await FileSystem.connect({ namenode });
  return {
    makeDirectory: (path) => fs.mkdir(absolute(path), { parents: true }),
    async create(path) {
      await (await fs.create(absolute(path))).close();
    },
    async stat(path) {
      await fs.stat(absolute(path));
    },
    async open(path) {
      await (await fs.open(absolute(path))).close();
    },
    async list(path) {
      let entries = 0;
      for await (const _ of fs.list(absolute(path))) entries++;
      return entries;
    },
    rename: (from, to) => fs.rename(absolute(from), absolute(to)),
    async remove(path) {
      await fs.delete(absolute(path));
    },
    async write(path, bytes) {
      const writer = await fs.create(absolute(path));
      await writer.write(bytes);
      await writer.close();
    },
    async read(path, length) {
      const reader = await fs.open(absolute(path));
      const bytes = await reader.read(0, length);
      await reader.close();
      return bytes;
    },
    openRandom: (path) => fs.open(absolute(path)),
    close: () => fs.close(),
  };
}
