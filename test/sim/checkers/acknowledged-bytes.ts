/** Every byte that was acknowledged can be read, and every byte that can be read is the one that was written. */
import type { FileSystem } from '../../../client/index.js';
import { messageOf } from '../../../common/errors.js';
import type { Cluster } from '../cluster.js';
import type { ModelFile } from '../model-file.js';
import type { Checker } from './checker.js';

const PIECE_BYTES = 100_000;

export const acknowledgedBytes: Checker = {
  name: 'acknowledged bytes',
  async check(cluster, fs) {
    for (const [root, directory] of cluster.workplace.directories) {
      for (const [path, file] of directory.files(root)) await checkFile(cluster, fs, path, file);
      for (const [path, uncertain] of directory.directories(root)) {
        for (const [name, file] of uncertain.uncertain) {
          if (file !== undefined && (await fs.exists(`${path}/${name}`)))
            await checkFile(cluster, fs, `${path}/${name}`, file);
        }
      }
    }
    for (const [path, file] of cluster.workplace.sharedFiles) {
      if (file.sessions.length > 0) await checkFile(cluster, fs, path, file);
    }
  },
};

async function checkFile(cluster: Cluster, fs: FileSystem, path: string, file: ModelFile): Promise<void> {
  const { world, workplace } = cluster;
  const { length, underConstruction } = await fs.stat(path);
  const certain = file.certainLength(workplace.crashes());
  if (length < certain) world.violation(`${path} has ${length} bytes; ${certain} were acknowledged`);
  if (file.state === 'closed' && length !== certain)
    world.violation(`${path} has ${length} bytes; it was closed with ${certain}`);
  if (underConstruction) world.violation(`${path} is open`);
  try {
    await compare(fs, path, file, length);
  } catch (error) {
    world.violation(`${path} cannot be read: ${messageOf(error)}`);
  }
}

async function compare(fs: FileSystem, path: string, file: ModelFile, length: number): Promise<void> {
  const reader = await fs.open(path);
  try {
    for (let position = 0; position < length; position += PIECE_BYTES) {
      const fault = file.faultIn(await reader.read(position, PIECE_BYTES), position);
      if (fault !== undefined) throw new Error(fault);
    }
  } finally {
    await reader.close();
  }
}
