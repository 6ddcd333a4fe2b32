/**
 * The file in which a volume's scanner keeps its place. It spares work and proves nothing, so that one that cannot be understood
 * is no failure: the scan begins anew.
 *
 *     {"version":1,"passBeganMs":…,"position":{"shard":…,"blockId":…},"lastPassEndedMs":…}\n
 *     <CRC32C of the line above, 8 hexadecimal digits>\n
 */
import { z } from 'zod';
import { crc32c } from '../../common/crc32c.js';
import type { Disk } from '../../common/disk.js';
import { isDfsError, messageOf, osErrorCode } from '../../common/errors.js';
import type { Logger } from '../../common/logging.js';
import { readWhole, writeDurably } from '../../common/node-disk.js';
import type { ScanState } from '../block-scanner.js';
import { SHARD_COUNT } from '../replica-table.js';

/** To be raised when the order of the scan changes (the hash or the number of shards in replica-table.ts). */
const CURSOR_VERSION = 1;
const MAX_CURSOR_BYTES = 4096;

const time = z.number().finite().nonnegative();

const cursorSchema = z.object({
  version: z.literal(CURSOR_VERSION),
  passBeganMs: time,
  position: z
    .object({
      shard: z
        .int()
        .min(0)
        .max(SHARD_COUNT - 1),
      blockId: z.int().min(0),
    })
    .optional(),
  lastPassEndedMs: time.optional(),
});

/**
 * Undefined when there is none, or none that can be used.
 * @throws the operating system's error when the disk does not give it.
 */
export async function readScanCursor(disk: Disk, path: string, logger: Logger): Promise<ScanState | undefined> {
  try {
    const text = (await readWhole(disk, path, MAX_CURSOR_BYTES)).toString('utf8');
    const [line = '', checksum] = text.split('\n');
    if (checksum !== checksumOf(line)) throw new Error('its checksum is wrong');
    const { passBeganMs, position, lastPassEndedMs } = cursorSchema.parse(JSON.parse(line));
    return { passBeganMs, position, lastPassEndedMs };
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return undefined;
    if (osErrorCode(error) !== undefined && !isDfsError(error)) throw error;
    logger.warn({ file: path, reason: messageOf(error) }, 'the place of the block scan is damaged: it begins anew');
    return undefined;
  }
}

export async function writeScanCursor(disk: Disk, path: string, state: ScanState): Promise<void> {
  const line = JSON.stringify({ version: CURSOR_VERSION, ...state });
  await writeDurably(disk, path, Buffer.from(`${line}\n${checksumOf(line)}\n`));
}

function checksumOf(line: string): string {
  return crc32c(Buffer.from(line)).toString(16).padStart(8, '0');
}
