/** The replicas that really lie on the disks of a simulated cluster, whatever its processes believe. */
import { basename } from 'node:path';
import type { Block } from '../../common/block.js';
import { decodeMetaHeader, META_HEADER_LENGTH, verifyChecksums } from '../../common/checksum.js';
import { parseReplicaFileName } from '../../common/replica-file-name.js';
import { readRecords } from '../../datanode/disk/journal-record.js';
import type { DatanodeMachine } from './datanode-machine.js';
import type { ImageFile } from './disk-image.js';

export interface ReplicaOnDisk {
  readonly machine: DatanodeMachine;
  readonly blockId: number;
  readonly generationStamp: number;
  readonly length: number;
  /** `rbw`: being written. */
  readonly directory: 'finalized' | 'rbw';
  /** The data matches its checksums, as many as it needs. */
  readonly isGood: boolean;
}

/** All finalized replicas and those being written, or only those of one block. `durable`: only what is sure to outlive a power cut. */
export function* replicasOn(machine: DatanodeMachine, durable: boolean, block?: number): Generator<ReplicaOnDisk> {
  for (const disk of machine.disks) {
    const data = new Map<string, Buffer>();
    const metas: { readonly file: ImageFile; readonly blockId: number; readonly generationStamp: number }[] = [];
    for (const file of durable ? disk.durableFiles() : disk.files()) {
      const name = parseReplicaFileName(basename(file.path));
      if (block !== undefined && name?.blockId !== block) continue;
      if (name?.kind === 'data') data.set(file.path, file.bytes);
      else if (name?.kind === 'meta') metas.push({ file, ...name });
    }
    for (const { file, blockId, generationStamp } of metas) {
      const directory = directoryOf(file.path);
      const bytes = data.get(file.path.replace(/_\d+\.meta$/, ''));
      if (directory === undefined || bytes === undefined) continue;
      const isGood = isVouchedFor(bytes, file.bytes);
      yield { machine, blockId, generationStamp, length: bytes.length, directory, isGood };
    }
  }
}

/** Whether a path is that of a finalized replica's data or checksums. */
export function finalizedBlockOf(path: string): number | undefined {
  return directoryOf(path) === 'finalized' ? parseReplicaFileName(basename(path))?.blockId : undefined;
}

/** The replicas that the journal of small ones has, if the file is one. They may have been removed since, or have got files of their own. */
export function journalledIn({ path, bytes }: ImageFile): readonly Block[] {
  return path.includes('/current/journal/') ? readRecords(bytes).replicas.map(({ block }) => block) : [];
}

/** Blocks of which a file has finalized replicas: at most one, or as many as a journal has. */
export function finalizedBlocksIn(file: ImageFile): readonly number[] {
  const own = file.path.endsWith('.meta') ? undefined : finalizedBlockOf(file.path);
  return own === undefined ? journalledIn(file).map(({ blockId }) => blockId) : [own];
}

function directoryOf(path: string): ReplicaOnDisk['directory'] | undefined {
  if (path.includes('/current/finalized/')) return 'finalized';
  return path.includes('/current/rbw/') ? 'rbw' : undefined;
}

function isVouchedFor(data: Buffer, meta: Buffer): boolean {
  try {
    const spec = decodeMetaHeader(meta.subarray(0, META_HEADER_LENGTH));
    const needed = Math.ceil(data.length / spec.bytesPerChecksum) * 4;
    const checksums = meta.subarray(META_HEADER_LENGTH);
    return checksums.length >= needed && verifyChecksums(spec, [data], checksums.subarray(0, needed)) < 0;
  } catch {
    return false;
  }
}
