/** Names of the two files of a replica, as HDFS has them: `blk_<id>` with its data, `blk_<id>_<generation stamp>.meta` with its checksums. */

export type ReplicaFileName =
  | { readonly kind: 'data'; readonly blockId: number }
  | { readonly kind: 'meta'; readonly blockId: number; readonly generationStamp: number };

const DATA_FILE = /^blk_(\d{1,16})$/;
const META_FILE = /^blk_(\d{1,16})_(\d{1,16})\.meta$/;

export function dataFileName(blockId: number): string {
  return `blk_${blockId}`;
}

export function metaFileName(blockId: number, generationStamp: number): string {
  return `blk_${blockId}_${generationStamp}.meta`;
}

/** What a file is by its name; undefined when it is no replica's. */
export function parseReplicaFileName(name: string): ReplicaFileName | undefined {
  const data = DATA_FILE.exec(name);
  if (data) {
    const blockId = Number(data[1]);
    return isFileNumber(blockId) ? { kind: 'data', blockId } : undefined;
  }
  const meta = META_FILE.exec(name);
  if (!meta) return undefined;
  const blockId = Number(meta[1]);
  const generationStamp = Number(meta[2]);
  return isFileNumber(blockId) && isFileNumber(generationStamp)
    ? { kind: 'meta', blockId, generationStamp }
    : undefined;
}

/** Whether a number that stands in a name can be a block's id or a generation stamp. */
export function isFileNumber(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}
