/** What a log's directory holds after whatever ended the last process: which of it counts, what is cut off, what is refused. */
import { join } from 'node:path';
import type { DiskFile } from '../../common/disk.js';
import { DfsError } from '../../common/errors.js';
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentHeader } from './edit-frames.js';
import type { Segment, SegmentLogOptions } from './segment-log.js';
import { closedName, inProgressName, parseSegmentName, type SegmentName, segmentFileName } from './segment-names.js';
import { SegmentReader } from './segment-reader.js';

export function damaged(path: string, offset: number, txid: number, reason: string): DfsError {
  return new DfsError(
    'DamagedMetadata',
    `the edit log is damaged: ${path} at byte ${offset}, transaction ${txid}: ${reason}. ` +
      'Restore this file from a backup, or run dfs namenode --recover',
  );
}

export interface RecoveredLog {
  /** In order, without gaps, all closed. */
  readonly segments: readonly Segment[];
  readonly lastTxid: number;
  readonly epoch: number;
}

/**
 * Puts the directory in order after the last process. Segments that were closed are not read here, but when their records are
 * wanted: a checkpoint may cover what is damaged in them.
 * @throws DfsError `DamagedMetadata`
 */
export async function recoverSegments(options: SegmentLogOptions): Promise<RecoveredLog> {
  const names = await listSegments(options);
  const segments: Segment[] = [];
  for (const [index, { firstTxid, lastTxid }] of names.entries()) {
    checkFollows(options, names[index - 1], { firstTxid, lastTxid });
    if (lastTxid !== undefined)
      segments.push({ path: join(options.directory, closedName(firstTxid, lastTxid)), firstTxid, lastTxid });
  }
  const last = names.at(-1);
  if (last === undefined) return { segments, lastTxid: 0, epoch: 0 };
  // Epochs only grow, so that of the last segment is the largest.
  return last.lastTxid === undefined
    ? await recoverLast(options, segments, last.firstTxid)
    : await withEpoch(options, segments);
}

/** @throws DfsError `DamagedMetadata` when `next` does not begin where `previous` ends. */
function checkFollows({ directory }: SegmentLogOptions, previous: SegmentName | undefined, next: SegmentName): void {
  if (previous === undefined) return;
  const path = join(directory, segmentFileName(next));
  if (previous.lastTxid === undefined)
    throw damaged(path, 0, next.firstTxid, 'it follows a segment that is not finished');
  const expected = previous.lastTxid + 1;
  if (next.firstTxid !== expected)
    throw damaged(path, 0, expected, `the file begins with transaction ${next.firstTxid}`);
}

async function withEpoch({ disk }: SegmentLogOptions, segments: readonly Segment[]): Promise<RecoveredLog> {
  const last = segments.at(-1) as Segment;
  const file = await disk.open(last.path, 'read');
  try {
    const { epoch } = await readSegmentHeader(file, await file.size(), last.firstTxid);
    return { segments, lastTxid: last.lastTxid, epoch };
  } finally {
    await file.close();
  }
}

async function listSegments({ disk, directory }: SegmentLogOptions): Promise<SegmentName[]> {
  const names: SegmentName[] = [];
  for (const { name } of await disk.list(directory)) {
    if (name.startsWith('edits_') && name.endsWith('.tmp')) await disk.remove(join(directory, name));
    const parsed = parseSegmentName(name);
    if (parsed !== undefined) names.push(parsed);
  }
  return names.sort((a, b) => a.firstTxid - b.firstTxid);
}

/**
 * Headers are durable before a segment gets its name, so a bad one is damage, not a crash.
 * @throws DfsError `DamagedMetadata`
 */
export async function readSegmentHeader(file: DiskFile, size: number, firstTxid: number): Promise<SegmentHeader> {
  const bytes = Buffer.alloc(Math.min(SEGMENT_HEADER_BYTES, size));
  await file.read(bytes, 0);
  const header = decodeSegmentHeader(bytes);
  if (header === undefined) throw damaged(file.path, 0, firstTxid, 'this is no header of an edit log segment');
  if (header.firstTxid !== firstTxid) {
    throw damaged(file.path, 0, firstTxid, `the header says that the file begins with transaction ${header.firstTxid}`);
  }
  return header;
}

/** The segment that was being written: cut where a crash tore it, and closed unless it is empty. */
async function recoverLast(
  options: SegmentLogOptions,
  closed: readonly Segment[],
  firstTxid: number,
): Promise<RecoveredLog> {
  const { disk, directory } = options;
  const path = join(directory, inProgressName(firstTxid));
  const file = await disk.open(path, 'write');
  let lastTxid: number;
  let epoch: number;
  try {
    const size = await file.size();
    epoch = (await readSegmentHeader(file, size, firstTxid)).epoch;
    lastTxid = await cutTornEnd(options, file, size, firstTxid);
    // A batch may have been written but not synced; from here on it counts.
    await file.sync();
  } finally {
    await file.close();
  }
  if (lastTxid < firstTxid) return { segments: closed, lastTxid, epoch };
  const finalPath = join(directory, closedName(firstTxid, lastTxid));
  await disk.rename(path, finalPath);
  await disk.syncDirectory(directory);
  return { segments: [...closed, { path: finalPath, firstTxid, lastTxid }], lastTxid, epoch };
}

/** Reads to the end, cuts off what is left of a batch that nobody was told of, and returns the last transaction before it. */
async function cutTornEnd(
  options: SegmentLogOptions,
  file: DiskFile,
  size: number,
  firstTxid: number,
): Promise<number> {
  const reader = new SegmentReader(file, size);
  let expected = firstTxid;
  for (let frame = await reader.next(); frame !== undefined; frame = await reader.next()) {
    if (frame.kind === 'bad') {
      await cut(options, file, size, {
        ...frame,
        expected,
        intactAt: await reader.findIntactFrame(frame.offset, expected),
      });
      break;
    }
    if (frame.firstTxid !== expected) {
      throw damaged(file.path, frame.offset, expected, `transaction ${frame.firstTxid} stands in its place`);
    }
    expected += frame.count;
  }
  return expected - 1;
}

interface Tear {
  readonly offset: number;
  readonly reason: string;
  readonly expected: number;
  /** Where an intact frame follows; undefined: nowhere. */
  readonly intactAt: number | undefined;
}

async function cut({ logger }: SegmentLogOptions, file: DiskFile, size: number, tear: Tear): Promise<void> {
  const { offset, reason, expected, intactAt } = tear;
  if (intactAt !== undefined) {
    throw damaged(file.path, offset, expected, `${reason}, but the log goes on at byte ${intactAt}`);
  }
  await file.truncate(offset);
  logger.warn(
    { file: file.path, offset, droppedBytes: size - offset, lastTxid: expected - 1, reason },
    'cut off the torn end of the edit log: a batch that was being written when the process ended',
  );
}
