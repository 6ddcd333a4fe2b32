/**
 * Small files of one value that a crash may tear:
 *
 *     <the value as JSON>\n
 *     <CRC32C of the line above, 8 hexadecimal digits>\n
 */
import { crc32c } from './crc32c.js';
import type { Disk } from './disk.js';
import { readWhole, writeDurably } from './node-disk.js';

/** @throws Error when it is damaged; the operating system's error when the disk does not give it. */
export async function readCheckedLine(disk: Disk, path: string, maxBytes: number): Promise<unknown> {
  const text = (await readWhole(disk, path, maxBytes)).toString('utf8');
  const [line = '', checksum] = text.split('\n');
  if (checksum !== checksumOf(line)) throw new Error('its checksum is wrong');
  return JSON.parse(line);
}

export async function writeCheckedLine(disk: Disk, path: string, value: object): Promise<void> {
  const line = JSON.stringify(value);
  await writeDurably(disk, path, Buffer.from(`${line}\n${checksumOf(line)}\n`));
}

function checksumOf(line: string): string {
  return crc32c(Buffer.from(line)).toString(16).padStart(8, '0');
}
