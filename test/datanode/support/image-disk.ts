/** The simulator's image of a disk as a disk that takes no time. */
import { type Disk, writeOneByOne } from '../../../common/disk.js';
import type { DiskImage } from '../../sim/disk-image.js';

export function imageDisk(image: DiskImage, capacityBytes = 1024 ** 4): Disk {
  const disk: Omit<Disk, 'writeWholeFiles'> = {
    async open(path, mode) {
      const handle = image.open(path, mode);
      return {
        path,
        read: async (target, position) => handle.image.read(target, position),
        async write(buffers, position) {
          let at = position;
          for (const buffer of buffers) {
            image.write(handle, buffer, at);
            at += buffer.length;
          }
        },
        sync: async () => handle.image.sync(),
        truncate: async (length) => image.truncate(handle, length),
        size: async () => handle.image.size,
        identity: async () => path,
        close: async () => handle.close(),
      };
    },
    makeDirectory: async (path) => image.makeDirectory(path),
    setMode: async () => {},
    rename: async (from, to) => image.rename(from, to),
    remove: async (path) => image.remove(path),
    list: async (path) => image.list(path),
    fileSize: async (path) => image.fileSize(path),
    syncDirectory: async (path) => image.syncDirectory(path),
    space: async () => ({ capacityBytes, availableBytes: capacityBytes - image.usedBytes }),
  };
  return { ...disk, writeWholeFiles: (files) => writeOneByOne(disk, files) };
}
