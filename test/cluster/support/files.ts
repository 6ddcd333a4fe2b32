/** Local files for tests: made, compared, and damaged. */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ExecutionContext } from 'ava';

/** A directory that is gone after the test. */
export async function temporaryDirectory(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'dfs-files-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Bytes that no other part of the file has: a block in the wrong place is noticed. */
export async function writeRandomFile(path: string, bytes: number): Promise<Buffer> {
  const data = randomBytes(bytes);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, data);
  return data;
}

export function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** SHA-256 of every file below `root`, by relative path; `directory` for directories. */
export async function treeOf(root: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {};
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    tree[relative(root, path)] = entry.isDirectory() ? 'directory' : await sha256OfFile(path);
  }
  return tree;
}

/** Inverts the bits of `count` bytes from `offset` on. */
export async function flipBytes(path: string, offset: number, count = 1): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const bytes = Buffer.alloc(count);
    const { bytesRead } = await file.read(bytes, 0, count, offset);
    if (bytesRead !== count) throw new Error(`${path} has no ${count} bytes at ${offset}`);
    await file.write(
      bytes.map((byte) => byte ^ 0xff),
      0,
      count,
      offset,
    );
  } finally {
    await file.close();
  }
}

/** Takes the last `bytes` bytes of a file away. */
export async function cutTail(path: string, bytes: number): Promise<void> {
  const { length } = await readFile(path);
  await truncate(path, Math.max(0, length - bytes));
}
