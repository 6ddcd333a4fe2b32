/**
 * Where the files of a volume lie. Names of replica files are HDFS's:
 *
 *     <volume>/in_use.lock                                     held by the process that uses the volume
 *     <volume>/current/VERSION                                 which cluster, DataNode and storage this is
 *     <volume>/current/finalized/subdirX/subdirY/blk_<id>              data of a finalized replica
 *     <volume>/current/finalized/subdirX/subdirY/blk_<id>_<gs>.meta    its checksums
 *     <volume>/current/rbw/                                    replicas being written, the same two files
 *     <volume>/current/rbw/blk_<id>.restart                            what a stop in order noted of one (restart-note.ts)
 *     <volume>/current/journal/segment-<n>                     small replicas that have no files of their own yet (replica-journal.ts)
 *     <volume>/current/quarantine/                             what was found damaged there, for a person to look at
 *     <volume>/current/scanner.cursor                          how far the block scan has got
 *     <volume>/tmp/                                            copies in the making; emptied at start-up
 *
 * X = (id >> 16) & 31, Y = (id >> 8) & 31: at most 1,024 directories, filled evenly because block ids count up.
 *
 * Paths are made of integers and these constants alone, never of a text that came over a wire.
 */
import { join } from 'node:path';
import { dataFileName, isFileNumber, metaFileName } from '../../common/replica-file-name.js';

export type ReplicaDirectory = 'finalized' | 'rbw' | 'tmp';

const SUBDIRECTORIES = 32;
export const SUBDIRECTORY_COUNT = SUBDIRECTORIES ** 2;

const SUBDIRECTORY = /^subdir(\d{1,2})$/;
const RESTART_NOTE = /^blk_(\d{1,16})\.restart$/;

/** The block of a note; undefined for any other name. */
export function parseRestartNoteName(name: string): number | undefined {
  const blockId = Number(RESTART_NOTE.exec(name)?.[1]);
  return isFileNumber(blockId) ? blockId : undefined;
}

/** Whether a note was being written under this name (common/node-disk.ts, `writeDurably`) when the process ended. */
export function isUnfinishedNoteName(name: string): boolean {
  return name.endsWith('.tmp') && parseRestartNoteName(name.slice(0, -'.tmp'.length)) !== undefined;
}

const SEGMENT = /^segment-(\d{1,15})$/;

/** Of a file in journal/. They count up. */
export function segmentName(number: number): string {
  return `segment-${number}`;
}

/** The number of a segment; undefined for any other name. */
export function parseSegmentName(name: string): number | undefined {
  const digits = SEGMENT.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** `subdirX/subdirY` as one number from 0 to 1023. */
export function subdirectoryIndex(blockId: number): number {
  const x = Math.floor(blockId / 2 ** 16) % SUBDIRECTORIES;
  const y = Math.floor(blockId / 2 ** 8) % SUBDIRECTORIES;
  return x * SUBDIRECTORIES + y;
}

/** The index of `subdirX/subdirY`; undefined when that is no such directory. */
export function parseSubdirectory(x: string, y: string): number | undefined {
  const numbers = [x, y].map((name) => Number(SUBDIRECTORY.exec(name)?.[1]));
  const [first = Number.NaN, second = Number.NaN] = numbers;
  return first < SUBDIRECTORIES && second < SUBDIRECTORIES ? first * SUBDIRECTORIES + second : undefined;
}

export class VolumeLayout {
  readonly root: string;
  readonly current: string;
  readonly version: string;
  readonly finalized: string;
  readonly rbw: string;
  readonly journal: string;
  readonly quarantine: string;
  readonly scannerCursor: string;
  readonly tmp: string;

  constructor(root: string) {
    this.root = root;
    this.current = join(root, 'current');
    this.version = join(this.current, 'VERSION');
    this.finalized = join(this.current, 'finalized');
    this.rbw = join(this.current, 'rbw');
    this.journal = join(this.current, 'journal');
    this.quarantine = join(this.current, 'quarantine');
    this.scannerCursor = join(this.current, 'scanner.cursor');
    this.tmp = join(root, 'tmp');
  }

  /** The directory that a replica's files lie in. */
  directory(kind: ReplicaDirectory, blockId: number): string {
    switch (kind) {
      case 'finalized':
        return this.subdirectory(subdirectoryIndex(blockId));
      case 'rbw':
        return this.rbw;
      case 'tmp':
        return this.tmp;
    }
  }

  subdirectory(index: number): string {
    const x = Math.floor(index / SUBDIRECTORIES);
    return join(this.finalized, `subdir${x}`, `subdir${index % SUBDIRECTORIES}`);
  }

  dataFile(kind: ReplicaDirectory, blockId: number): string {
    return join(this.directory(kind, blockId), dataFileName(blockId));
  }

  restartNote(blockId: number): string {
    return join(this.rbw, `${dataFileName(blockId)}.restart`);
  }

  metaFile(kind: ReplicaDirectory, blockId: number, generationStamp: number): string {
    return join(this.directory(kind, blockId), metaFileName(blockId, generationStamp));
  }
}
