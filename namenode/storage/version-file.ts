/** The file `current/VERSION`: whose directory this is. Written last when a directory is formatted, in the form HDFS uses. */
import type { Disk } from '../../common/disk.js';
import { DfsError } from '../../common/errors.js';
import { readWhole, writeDurably } from '../../common/node-disk.js';
import { LAYOUT_VERSION } from './schema.js';

const VERSION_BYTES_MAX = 4096;

export interface VersionFile {
  readonly clusterId: string;
  readonly createdMs: number;
}

export async function writeVersionFile(disk: Disk, path: string, { clusterId, createdMs }: VersionFile): Promise<void> {
  const lines = [
    'storageType=NAME_NODE',
    `layoutVersion=${LAYOUT_VERSION}`,
    `clusterID=${clusterId}`,
    `cTime=${createdMs}`,
  ];
  await writeDurably(disk, path, Buffer.from(`${lines.join('\n')}\n`));
}

/** @throws DfsError `DamagedMetadata` when it is not such a file, or of a layout that this version does not know. */
export async function readVersionFile(disk: Disk, path: string): Promise<VersionFile> {
  const text = (await readWhole(disk, path, VERSION_BYTES_MAX)).toString('utf8');
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const at = line.indexOf('=');
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1));
  }
  const layout = fields.get('layoutVersion');
  if (layout !== String(LAYOUT_VERSION)) {
    throw new DfsError(
      'DamagedMetadata',
      `${path} says layoutVersion=${layout ?? ''}; this version of the NameNode works with ${LAYOUT_VERSION}`,
    );
  }
  const clusterId = fields.get('clusterID');
  if (clusterId === undefined || clusterId === '') throw new DfsError('DamagedMetadata', `${path} has no clusterID`);
  return { clusterId, createdMs: Number(fields.get('cTime') ?? 0) };
}
