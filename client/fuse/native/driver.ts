/** The driver on the npm package fuse-native. Through libfuse's `fusermount` it mounts for users without any special right, too. */
import { readdir, readlink } from 'node:fs/promises';
import { type Clock, sleep } from '../../../common/clock.js';
import { DfsError, messageOf } from '../../../common/errors.js';
import { DEVICE, type Driver, type DriverOptions } from '../driver.js';
import { MOUNT_SUBTYPE } from '../mount-table.js';
import { Answers } from './answers.js';
import { loadFuseNative, type NativeFuse, type NativeHandler } from './binding.js';
import { handlers } from './handlers.js';
import { OpenInodes } from './open-inodes.js';
import { Paths, VALIDITY_MS } from './paths.js';
import { requirePermission } from './permission.js';

/** What the addon has room for, without the byte that ends it. */
const MOUNT_POINT_BYTES_MAX = 1023;
const DESCRIPTORS = '/proc/self/fd';
/** libfuse tells nobody that the file system was unmounted. */
const LOOK_AGAIN_MS = 200;

export async function mountWithFuseNative(options: DriverOptions): Promise<Driver> {
  const { mountPoint, operations, clock, logger } = options;
  if (Buffer.byteLength(mountPoint) > MOUNT_POINT_BYTES_MAX)
    throw new DfsError('PathTooLong', `${mountPoint}: fuse-native takes at most ${MOUNT_POINT_BYTES_MAX} bytes`);
  const Fuse = loadFuseNative();
  await requirePermission(options);
  let record: Buffer = Buffer.alloc(0);
  const served = handlers({
    operations,
    paths: new Paths(operations, clock),
    open: new OpenInodes(),
    answers: new Answers(logger),
    caller: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    record: () => record,
  });
  const fuse = new Fuse(mountPoint, served, { timeout: false });
  fuse._fuseOptions = () => libfuseOptions(options);
  for (const [name, serve] of Object.entries(served)) Object.assign(fuse, { [`_op_${name}`]: serve });
  for (const [number, handler] of fuse._handlers.entries()) {
    if (handler === undefined) continue;
    const keepRecord: NativeHandler = (current, ...rest) => {
      record = current;
      handler(current, ...rest);
    };
    fuse._handlers[number] = keepRecord;
  }
  await mounted(fuse, mountPoint);
  return {
    ended: untilClosed(await deviceDescriptor(), clock),
    // fuse-native has no call for it. The kernel looks again after a second, and at pages when the file is opened.
    invalidate: async () => {},
  };
}

function libfuseOptions({ source, readOnly, allowOther }: DriverOptions): string {
  const seconds = VALIDITY_MS / 1000;
  return `-o${[
    `subtype=${MOUNT_SUBTYPE}`,
    `fsname=${source}`,
    'default_permissions',
    'nonempty', // what stands below is not lost; the other driver does the same
    'big_writes', // requests of 128 KiB instead of 4
    'atomic_o_trunc',
    'use_ino',
    `attr_timeout=${seconds}`,
    `entry_timeout=${seconds}`,
    'auto_cache', // pages stay until the file's time or size is another one
    'ac_attr_timeout=0', // which is looked at whenever it is opened
    ...(allowOther ? ['allow_other'] : []),
    ...(readOnly ? ['ro'] : []),
  ].join(',')}`;
}

async function mounted(fuse: NativeFuse, mountPoint: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    fuse.mount((error) => {
      if (error === null) resolve();
      else reject(new DfsError('InvalidArgument', whyNot(mountPoint, messageOf(error))));
    });
  });
}

function whyNot(mountPoint: string, message: string): string {
  if (message === 'Mountpoint in use')
    return `${mountPoint}: fuse-native does not mount on a directory at which something else is mounted`;
  return `cannot mount on ${mountPoint}: the reason stands before this line, where libfuse has printed it`;
}

/** The one by which libfuse speaks with the kernel. */
async function deviceDescriptor(): Promise<string> {
  for (const fd of await readdir(DESCRIPTORS)) if (await isDevice(fd)) return fd;
  throw new DfsError('Internal', `libfuse has no descriptor of ${DEVICE} open`);
}

async function isDevice(fd: string): Promise<boolean> {
  return (await readlink(`${DESCRIPTORS}/${fd}`).catch(() => '')) === DEVICE;
}

/** libfuse closes it when the file system is unmounted, which a lazy unmount is when the last file is closed. */
async function untilClosed(fd: string, clock: Clock): Promise<string> {
  while (await isDevice(fd)) await sleep(clock, LOOK_AGAIN_MS);
  return 'ENODEV';
}
