/**
 * The file in which a volume's scanner keeps its place. It spares work and proves nothing, so that one that cannot be understood
 * is no failure: the scan begins anew.
 *
 *     {"version":1,"passBeganMs":…,"position":{"shard":…,"blockId":…},"lastPassEndedMs":…}
 */
import { z } from 'zod';
import { readCheckedLine, writeCheckedLine } from '../../common/checked-line.js';
import type { Disk } from '../../common/disk.js';
import { isDfsError, messageOf, osErrorCode } from '../../common/errors.js';
import type { Logger } from '../../common/logging.js';
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
    const cursor = cursorSchema.parse(await readCheckedLine(disk, path, MAX_CURSOR_BYTES));
    const { passBeganMs, position, lastPassEndedMs } = cursor;
    return { passBeganMs, position, lastPassEndedMs };
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return undefined;
    if (osErrorCode(error) !== undefined && !isDfsError(error)) throw error;
    logger.warn({ file: path, reason: messageOf(error) }, 'the place of the block scan is damaged: it begins anew');
    return undefined;
  }
}

export async function writeScanCursor(disk: Disk, path: string, state: ScanState): Promise<void> {
  await writeCheckedLine(disk, path, { version: CURSOR_VERSION, ...state });
}
