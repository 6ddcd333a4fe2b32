/** Which driver a mount gets. */
import { accessSync, constants, readFileSync } from 'node:fs';
import { DfsError } from '../../common/errors.js';
import { DEVICE, type MountWithDriver } from './driver.js';

export const DRIVERS = ['kernel', 'fuse-native'] as const;
export type DriverName = (typeof DRIVERS)[number];

const CAP_SYS_ADMIN = 1n << 21n;

/** `auto`: the kernel's own protocol where this process may mount, otherwise fuse-native, which gets the right from `fusermount`. */
export function chooseDriver(wanted: DriverName | 'auto'): DriverName {
  if (wanted !== 'auto') return wanted;
  return whyNoKernelDriver() === undefined ? 'kernel' : 'fuse-native';
}

/** Undefined where the driver that speaks the kernel's protocol can mount. */
export function whyNoKernelDriver(): string | undefined {
  if (process.getuid?.() !== 0) return 'mounting needs root';
  const capabilities = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  if ((BigInt(`0x${capabilities}`) & CAP_SYS_ADMIN) === 0n) return 'this container may not mount';
  try {
    accessSync(DEVICE, constants.R_OK | constants.W_OK);
    return undefined;
  } catch {
    return `there is no ${DEVICE}`;
  }
}

/** @throws DfsError `Unsupported` where there is no such driver here. */
export async function loadDriver(name: DriverName): Promise<MountWithDriver> {
  if (process.platform !== 'linux') throw new DfsError('Unsupported', 'mounting needs Linux');
  if (name === 'kernel') return (await import('./kernel/driver.js')).mountWithKernelProtocol;
  return (await import('./native/driver.js')).mountWithFuseNative;
}
