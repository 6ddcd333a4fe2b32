/** One large file: how the bench makes, writes and reads it, through plain files, the SDK, `dfs` and the peer's mount. */
import { execFile } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { FileSystem } from '../../client/index.js';

export const MIB = 2 ** 20;
const PIECE = 4 * MIB;
const run = promisify(execFile);

/** Writes `bytes` bytes that do not compress and do not repeat within a piece. */
export async function makeFile(path: string, bytes: number): Promise<void> {
  const file = await open(path, 'w');
  const piece = randomFillSync(Buffer.allocUnsafe(PIECE));
  for (let written = 0; written < bytes; written += piece.length) {
    piece.writeDoubleLE(written, 0);
    await file.write(piece, 0, Math.min(PIECE, bytes - written));
  }
  await file.sync();
  await file.close();
}

/** Reads all of it, in pieces of the same memory. */
export async function readPlain(
  path: string,
  take: (piece: Buffer) => Promise<unknown> = async () => {},
): Promise<void> {
  const source = await open(path, 'r');
  const piece = Buffer.allocUnsafe(MIB);
  for (;;) {
    const { bytesRead } = await source.read(piece, 0, MIB);
    if (bytesRead === 0) break;
    await take(piece.subarray(0, bytesRead));
  }
  await source.close();
}

export async function copyPlain(from: string, to: string): Promise<void> {
  const target = await open(to, 'w');
  await readPlain(from, (piece) => target.write(piece));
  await target.sync();
  await target.close();
}

export async function putSdk(fs: FileSystem, local: string, path: string): Promise<void> {
  const writer = await fs.create(path, { overwrite: true });
  await readPlain(local, (piece) => writer.write(piece));
  await writer.close();
}

/** @throws {Error} if it is not of `bytes` bytes. */
export async function getSdk(fs: FileSystem, path: string, bytes: number): Promise<void> {
  let length = 0;
  const reader = await fs.open(path);
  await reader.copyTo(async (pieces) => {
    for (const piece of pieces) length += piece.length;
  });
  await reader.close();
  if (length !== bytes) throw new Error(`${path}: ${length} bytes of ${bytes} were read`);
}

/** `cp` and fsync. */
export async function putMount(local: string, path: string): Promise<void> {
  await run('sh', ['-c', 'cp "$1" "$2" && sync "$2"', 'sh', local, path]);
}

/** Past what the kernel has cached of it. */
export async function getMount(path: string, to = '/dev/null'): Promise<void> {
  await run('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']);
  await run('dd', [`if=${path}`, `of=${to}`, 'bs=1M', 'status=none']);
}
