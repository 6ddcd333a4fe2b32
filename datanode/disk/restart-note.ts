/**
 * What a DataNode that stops in order notes of each replica that is being written, so that the replica goes on as RBW when the DataNode is
 * back soon: its writer may be waiting for it. (HDFS: the `.restart` files beside replicas.) A note is good for one start.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { readCheckedLine, writeCheckedLine } from '../../common/checked-line.js';
import type { Disk } from '../../common/disk.js';
import { messageOf, osErrorCode } from '../../common/errors.js';
import type { Logger } from '../../common/logging.js';
import type { VolumeLayout } from './layout.js';
import { isUnfinishedNoteName, parseRestartNoteName } from './layout.js';

const MAX_NOTE_BYTES = 1024;

const noteSchema = z.object({
  generationStamp: z.int().min(1),
  numBytes: z.int().min(0),
  /** How much of it readers may see. */
  visibleBytes: z.int().min(0),
  /** Its writer does not wait any longer. */
  expiresMs: z.number().finite(),
});

export type RestartNote = z.infer<typeof noteSchema>;

export async function writeRestartNote(
  disk: Disk,
  layout: VolumeLayout,
  blockId: number,
  note: RestartNote,
): Promise<void> {
  await writeCheckedLine(disk, layout.restartNote(blockId), note);
}

/** The notes of all blocks that are good at `nowMs`. They are gone then. */
export async function takeRestartNotes(
  disk: Disk,
  layout: VolumeLayout,
  nowMs: number,
  logger: Logger,
): Promise<ReadonlyMap<number, RestartNote>> {
  const notes = new Map<number, RestartNote>();
  for (const { name } of await disk.list(layout.rbw)) {
    if (isUnfinishedNoteName(name)) await disk.remove(join(layout.rbw, name));
    const blockId = parseRestartNoteName(name);
    if (blockId === undefined) continue;
    const path = join(layout.rbw, name);
    const note = await readNote(disk, path, logger);
    await disk.remove(path);
    if (note !== undefined && note.expiresMs > nowMs) notes.set(blockId, note);
  }
  return notes;
}

async function readNote(disk: Disk, path: string, logger: Logger): Promise<RestartNote | undefined> {
  try {
    return noteSchema.parse(await readCheckedLine(disk, path, MAX_NOTE_BYTES));
  } catch (error) {
    if (osErrorCode(error) !== undefined) throw error;
    logger.warn(
      { file: path, reason: messageOf(error) },
      'a note of a replica is damaged: the replica waits for recovery',
    );
    return undefined;
  }
}
