/** The VERSION file of a volume: whose it is. */
import { z } from 'zod';
import type { Disk } from '../../common/disk.js';
import { DfsError, osErrorCode } from '../../common/errors.js';
import { readWhole, writeDurably } from '../../common/node-disk.js';

export const VOLUME_LAYOUT_VERSION = 1;

const MAX_VERSION_FILE_BYTES = 64 * 1024;

export interface VolumeIdentity {
  /** Empty until the DataNode has registered for the first time. */
  readonly clusterId: string;
  readonly datanodeUuid: string;
  readonly storageId: string;
}

const versionSchema = z.object({
  layoutVersion: z.int().positive(),
  clusterId: z.string(),
  datanodeUuid: z.string().min(1),
  storageId: z.string().min(1),
});

/**
 * Undefined when the directory has never been used.
 * @throws DfsError `DamagedMetadata`, `InvalidConfiguration` (made by a newer version); the operating system's errors.
 */
export async function readVersionFile(disk: Disk, path: string): Promise<VolumeIdentity | undefined> {
  const bytes = await readIfPresent(disk, path);
  if (bytes === undefined) return undefined;
  const { layoutVersion, ...identity } = parse(bytes.toString('utf8'), path);
  if (layoutVersion > VOLUME_LAYOUT_VERSION) {
    throw new DfsError(
      'InvalidConfiguration',
      `${path} has layout version ${layoutVersion}; this program knows versions up to ${VOLUME_LAYOUT_VERSION}. Use a newer one.`,
    );
  }
  return identity;
}

export async function writeVersionFile(disk: Disk, path: string, identity: VolumeIdentity): Promise<void> {
  const text = JSON.stringify({ layoutVersion: VOLUME_LAYOUT_VERSION, ...identity }, undefined, 2);
  await writeDurably(disk, path, Buffer.from(`${text}\n`));
}

async function readIfPresent(disk: Disk, path: string): Promise<Buffer | undefined> {
  try {
    return await readWhole(disk, path, MAX_VERSION_FILE_BYTES);
  } catch (error) {
    if (osErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function parse(text: string, path: string): z.infer<typeof versionSchema> {
  try {
    return versionSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new DfsError(
      'DamagedMetadata',
      `${path} is damaged. Put back a copy of it, or move the directory away: its blocks are copied from other DataNodes.`,
      { cause: error },
    );
  }
}
