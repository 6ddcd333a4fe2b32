import { permissionText } from './format.js';
import type { ExistingItem } from './session.js';

/** A file or directory as `--json` shows it. Sizes are bytes, times milliseconds since 1970. */
export function statusJson({ absolute, status }: ExistingItem): Record<string, unknown> {
  return {
    path: absolute,
    type: status.type.toLowerCase(),
    length: status.length,
    replication: status.replication,
    blockSize: status.blockSize,
    permission: permissionText(status.mode),
    owner: status.owner,
    group: status.group,
    modificationTimeMs: status.modificationTimeMs,
    accessTimeMs: status.accessTimeMs,
    fileId: status.fileId,
    children: status.children,
    underConstruction: status.underConstruction,
  };
}
