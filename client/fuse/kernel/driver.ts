/** The driver that speaks the kernel's own protocol. It needs the right to mount, and nothing else. */
import type { Driver, DriverOptions } from '../driver.js';
import { FuseDevice } from './device.js';
import { invalidateInode } from './replies.js';
import { Session } from './session.js';

export async function mountWithKernelProtocol(options: DriverOptions): Promise<Driver> {
  const session = new Session({ ...options, reply: (buffers) => device.reply(buffers) });
  const device = await FuseDevice.mount(options, (incoming) => session.take(incoming));
  return { ended: device.ended, invalidate: (node, what) => device.notify(invalidateInode(node, what)) };
}
