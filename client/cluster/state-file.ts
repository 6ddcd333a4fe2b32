/** `cluster.json` in the cluster's directory: its layout, so that it comes back as it was. */
import { join } from 'node:path';
import { z } from 'zod';
import { DfsError } from '../../common/errors.js';
import { nodeDisk, readWhole, writeDurably } from '../../common/node-disk.js';
import type { ClusterLayout } from './layout.js';

const MAX_FILE_BYTES = 1024 ** 2;
const VERSION = 1;

const port = z.number().int().min(1).max(65_535);

const schema = z.object({
  version: z.literal(VERSION),
  racks: z.number().int().min(1),
  basePort: port.nullable(),
  namenode: z.object({ rpcPort: port, httpPort: port }),
  datanodes: z.array(
    z.object({ index: z.number().int().min(1), rack: z.string(), dataPort: port, rpcPort: port, httpPort: port }),
  ),
  settings: z.record(z.string(), z.string()),
});

function stateFile(directory: string): string {
  return join(directory, 'cluster.json');
}

/** Undefined when there is no cluster in the directory. @throws DfsError `DamagedMetadata`. */
export async function readLayout(directory: string): Promise<ClusterLayout | undefined> {
  const path = stateFile(directory);
  if ((await nodeDisk.fileSize(path)) === undefined) return undefined;
  const parsed = schema.safeParse(parseJson((await readWhole(nodeDisk, path, MAX_FILE_BYTES)).toString()));
  if (parsed.success) return parsed.data;
  throw new DfsError(
    'DamagedMetadata',
    `${path} cannot be read: ${parsed.error.issues[0]?.path.join('.') || 'the file'} is not as expected. The data beside it is not ` +
      'affected; put the file right, or remove it and start the cluster with the same options as the first time.',
  );
}

export async function writeLayout(directory: string, layout: ClusterLayout): Promise<void> {
  const text = `${JSON.stringify({ version: VERSION, ...layout }, null, 2)}\n`;
  await writeDurably(nodeDisk, stateFile(directory), Buffer.from(text));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
