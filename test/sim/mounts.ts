/** Several disks as one tree: paths below a mount point are those of its disk. The root itself holds nothing else, and is durable. */
import type { Disk } from '../../common/disk.js';
import { osError } from './disk-image.js';

export function mounted(disks: Readonly<Record<string, Disk>>): Disk {
  const at = (path: string): Disk => {
    for (const [mountPoint, disk] of Object.entries(disks)) {
      if (path === mountPoint || path.startsWith(`${mountPoint}/`)) return disk;
    }
    throw osError('ENOENT', 'open', path);
  };
  return {
    open: async (path, mode) => await at(path).open(path, mode),
    makeDirectory: async (path) => await at(path).makeDirectory(path),
    setMode: async (path, mode) => await at(path).setMode(path, mode),
    rename: async (from, to) => {
      if (at(from) !== at(to)) throw osError('EXDEV', 'rename', from);
      await at(from).rename(from, to);
    },
    remove: async (path) => await at(path).remove(path),
    list: async (path) => await at(path).list(path),
    fileSize: async (path) => await at(path).fileSize(path),
    syncDirectory: async (path) => {
      if (path !== '/') await at(path).syncDirectory(path);
    },
    space: async (path) => await at(path).space(path),
    writeWholeFiles: async (files) => {
      const [first] = files;
      if (first !== undefined) await at(first.path).writeWholeFiles(files);
    },
  };
}
