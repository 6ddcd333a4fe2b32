/** Replicas as they lie on the disks of the DataNodes. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checksumsLength, decodeMetaHeader, META_HEADER_LENGTH, verifyChecksums } from '../../../common/checksum.js';
import { parseReplicaFileName } from '../../../common/replica-file-name.js';
import { VolumeLayout } from '../../../datanode/disk/layout.js';

/** Where the replicas of a cluster are. */
export interface DatanodeDisks {
  readonly datanodeNumbers: readonly number[];
  dataDirectories(datanode: number): readonly string[];
}

export interface ReplicaOnDisk {
  /** Number of the DataNode. */
  readonly datanode: number;
  readonly blockId: number;
  readonly generationStamp: number;
  /** Path of the data file. */
  readonly data: string;
  /** Path of the file with the checksums. */
  readonly meta: string;
}

/** The finalized replicas of one DataNode: both files are there. */
export async function replicasOf(disks: DatanodeDisks, datanode: number): Promise<ReplicaOnDisk[]> {
  const volumes = disks.dataDirectories(datanode).map((directory) => replicasIn(datanode, directory));
  return (await Promise.all(volumes)).flat();
}

async function replicasIn(datanode: number, directory: string): Promise<ReplicaOnDisk[]> {
  const { finalized } = new VolumeLayout(directory);
  const entries = await readdir(finalized, { recursive: true, withFileTypes: true }).catch(() => []); // not mounted
  const names = new Set(entries.map(({ name }) => name));
  const replicas: ReplicaOnDisk[] = [];
  for (const { name, parentPath } of entries) {
    const parsed = parseReplicaFileName(name);
    if (parsed?.kind !== 'meta' || !names.has(`blk_${parsed.blockId}`)) continue;
    const { blockId, generationStamp } = parsed;
    const data = join(parentPath, `blk_${blockId}`);
    replicas.push({ datanode, blockId, generationStamp, data, meta: join(parentPath, name) });
  }
  return replicas;
}

/** All replicas of a block, whatever the NameNode knows of them. */
export async function replicasOfBlock(disks: DatanodeDisks, blockId: number): Promise<ReplicaOnDisk[]> {
  const all = await Promise.all(disks.datanodeNumbers.map((datanode) => replicasOf(disks, datanode)));
  return all.flat().filter((replica) => replica.blockId === blockId);
}

/** The data of a replica if all of its checksums fit; undefined when they do not, or when it is not there any more. */
export async function intactData({ data, meta }: ReplicaOnDisk): Promise<Buffer | undefined> {
  try {
    const [bytes, checksums] = await Promise.all([readFile(data), readFile(meta)]);
    const spec = decodeMetaHeader(checksums.subarray(0, META_HEADER_LENGTH));
    if (checksums.length !== META_HEADER_LENGTH + checksumsLength(spec, bytes.length)) return undefined;
    return verifyChecksums(spec, [bytes], checksums.subarray(META_HEADER_LENGTH)) < 0 ? bytes : undefined;
  } catch {
    return undefined;
  }
}
