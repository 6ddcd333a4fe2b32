/** Copies of files, made durable, and their checksums. */
import { createHash } from 'node:crypto';
import type { Disk, DiskFile } from '../../common/disk.js';

const PIECE_BYTES = 2 ** 20;

async function* pieces(file: DiskFile, start: number, end: number): AsyncGenerator<Buffer> {
  for (let position = start; position < end; ) {
    const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, end - position));
    const read = await file.read(piece, position);
    if (read === 0) return; // it has become shorter
    yield piece.subarray(0, read);
    position += read;
  }
}

/** Writes `prefix` and the bytes [start, end) of `from` to the new file `to`, which is durable once its directory is. */
export async function copyBytes(
  disk: Disk,
  from: string,
  to: string,
  { start, end, prefix }: { start: number; end: number; prefix?: Buffer },
): Promise<void> {
  const source = await disk.open(from, 'read');
  try {
    const target = await disk.open(to, 'create');
    try {
      let position = 0;
      const write = async (bytes: Buffer): Promise<void> => {
        await target.write([bytes], position);
        position += bytes.length;
      };
      if (prefix !== undefined) await write(prefix);
      for await (const piece of pieces(source, start, end)) await write(piece);
      await target.sync();
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** The whole file. */
export async function copyFile(disk: Disk, from: string, to: string): Promise<void> {
  await copyBytes(disk, from, to, { start: 0, end: (await disk.fileSize(from)) ?? 0 });
}

/** In hexadecimal, as `sha256sum` prints it. */
export async function sha256Of(disk: Disk, path: string): Promise<string> {
  const hash = createHash('sha256');
  const file = await disk.open(path, 'read');
  try {
    for await (const piece of pieces(file, 0, await file.size())) hash.update(piece);
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}
