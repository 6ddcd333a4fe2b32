/** Writing one file in the cluster so that it is there whole or not at all. */
import type { FileWriter } from '../file-writer.js';
import { asPathError } from './errors.js';
import type { RemotePath } from './remote-path.js';
import type { RemoteFileSystem } from './session.js';
import { temporaryPath } from './temporary-name.js';

export interface WriteOptions {
  /** Replace a file that is there. */
  readonly overwrite: boolean;
  /** Write to the final name at once; a copy that is cut off then leaves a part of the file. */
  readonly direct: boolean;
  /** Default: the cluster's. */
  readonly replication?: number;
}

/**
 * Writes what `fill` gives to the writer under a temporary name and renames it when it is complete; removes it when that fails.
 * @param prepare gets the path before the rename, to set times and permissions.
 */
export async function writeRemoteFile(
  fs: RemoteFileSystem,
  target: RemotePath,
  options: WriteOptions & { readonly signal: AbortSignal },
  fill: (writer: FileWriter) => Promise<void>,
  prepare?: (path: string) => Promise<void>,
): Promise<void> {
  const { direct, overwrite, replication, signal } = options;
  const path = direct ? target.absolute : temporaryPath(target.absolute);
  // What a killed copy left under the temporary name is replaced.
  const createOptions = { overwrite: !direct || overwrite, createParent: false, signal };
  const writer = await fs
    .create(path, replication === undefined ? createOptions : { ...createOptions, replication })
    .catch(clusterPathError(target));
  try {
    await fill(writer);
    await writer.close();
    await prepare?.(path);
    if (!direct) await fs.rename(path, target.absolute, { overwrite, exact: true }).catch(clusterPathError(target));
  } catch (error) {
    await writer.abort(error).catch(() => undefined); // the first error is the one to tell
    await fs.delete(path).catch(() => undefined);
    throw error;
  }
}

/** For `catch`: throws the cluster's error as one of `path`, rather than of the source that is being copied. */
export function clusterPathError(path: RemotePath): (error: unknown) => never {
  return (error) => {
    throw asPathError(error, path.shown);
  };
}
