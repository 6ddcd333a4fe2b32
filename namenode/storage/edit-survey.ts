/**
 * What the segments of an edit log hold, whatever has happened to them: for backups, which are made while the log grows, and for the recovery of
 * damaged metadata. A start (segment-recovery.ts) believes no log with a hole; here the holes are what is asked for.
 */
import { join } from 'node:path';
import type { Disk, DiskFile } from '../../common/disk.js';
import { decodeSegmentHeader, FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES } from './edit-frames.js';
import { parseSegmentName, type SegmentName, segmentFileName } from './segment-names.js';
import { SegmentReader } from './segment-reader.js';

/** Intact frames that follow each other. */
export interface Run {
  readonly path: string;
  readonly firstTxid: number;
  readonly lastTxid: number;
  /** Where they begin and end in the file. */
  readonly start: number;
  readonly end: number;
}

export interface SurveyedSegment {
  readonly name: SegmentName;
  readonly path: string;
  /** 0: its header is damaged. */
  readonly epoch: number;
  readonly runs: readonly Run[];
  /** Bytes behind the last intact frame: half a batch that nobody was told of, or damage. */
  readonly tailBytes: number;
  /** The last transaction that it is known to have held; of one that was being written, there may have been more. */
  readonly lastKnownTxid: number;
}

/** Names of segments in a directory, oldest first. */
export async function segmentNames(disk: Disk, directory: string): Promise<SegmentName[]> {
  const entries = await disk.list(directory);
  const names = entries.flatMap(({ name }) => parseSegmentName(name) ?? []);
  return names.sort((a, b) => a.firstTxid - b.firstTxid || (a.lastTxid ?? Infinity) - (b.lastTxid ?? Infinity));
}

export async function surveySegment(disk: Disk, directory: string, name: SegmentName): Promise<SurveyedSegment> {
  const path = join(directory, segmentFileName(name));
  const file = await disk.open(path, 'read');
  try {
    const size = await file.size();
    const epoch = (await readHeader(file, size))?.epoch ?? 0;
    const runs = size < SEGMENT_HEADER_BYTES ? [] : await runsOf(path, file, size, name.firstTxid);
    const lastTxid = runs.at(-1)?.lastTxid ?? name.firstTxid - 1;
    const tailBytes = size - (runs.at(-1)?.end ?? Math.min(size, SEGMENT_HEADER_BYTES));
    return { name, path, epoch, runs, tailBytes, lastKnownTxid: Math.max(lastTxid, name.lastTxid ?? 0) };
  } finally {
    await file.close();
  }
}

async function readHeader(file: DiskFile, size: number) {
  const bytes = Buffer.alloc(Math.min(SEGMENT_HEADER_BYTES, size));
  await file.read(bytes, 0);
  return decodeSegmentHeader(bytes);
}

async function runsOf(path: string, file: DiskFile, size: number, firstTxid: number): Promise<Run[]> {
  const reader = new SegmentReader(file, size);
  const runs: Run[] = [];
  let expected = firstTxid;
  for (let frame = await reader.next(); frame !== undefined; frame = await reader.next()) {
    if (frame.kind === 'bad') {
      const next = await reader.findIntactFrame(frame.offset, expected);
      if (next === undefined) break;
      reader.skipTo(next);
      continue;
    }
    const last = runs.at(-1);
    const lastTxid = frame.firstTxid + frame.count - 1;
    const end = frame.offset + FRAME_HEADER_BYTES + frame.payload.length;
    if (last !== undefined && last.end === frame.offset && last.lastTxid + 1 === frame.firstTxid)
      runs[runs.length - 1] = { ...last, lastTxid, end };
    else runs.push({ path, firstTxid: frame.firstTxid, lastTxid, start: frame.offset, end });
    expected = lastTxid + 1;
  }
  return runs;
}
