/** Disks so small that tests can fill them: a tmpfs, mounted for as long as the test lives. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';

/** Why no disk can be mounted here; undefined when it can. */
export const whyNoSmallDisks: string | undefined = (() => {
  const directory = mkdtempSync(join(tmpdir(), 'dfs-mount-'));
  const { status, stderr, error } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory]);
  if (status === 0) spawnSync('umount', [directory]);
  rmdirSync(directory);
  return status === 0 ? undefined : (error?.message ?? stderr.toString().trim());
})();

/** Whoever holds the mount takes it away when its standard input ends, which it does with our process, however that ends. */
const KEEPER = `
mv "$1" "$1.before" && mkdir "$1" && mount -t tmpfs -o "size=$2" tmpfs "$1" && cp -a "$1.before/." "$1" && echo mounted && cat >/dev/null
umount -l "$1"
`;

/** Puts a directory with what is in it on a disk of `size` (`20m`), until the end of the test. */
export async function mountSmallDisk(t: ExecutionContext, directory: string, size: string): Promise<void> {
  const keeper = spawn('sh', ['-c', KEEPER, 'sh', directory, size], { detached: true });
  const ended = once(keeper, 'close');
  t.teardown(async () => {
    keeper.stdin.end();
    await ended;
  });
  await Promise.race([
    once(keeper.stdout, 'data'),
    ended.then(() => Promise.reject(new Error(`${directory} could not be mounted`))),
  ]);
}

/** Takes the space on the disk of `directory` but for `leftBytes`, as another program may do. Returns how to give it back. */
export async function fillDisk(directory: string, leftBytes = 0): Promise<() => Promise<void>> {
  const path = join(directory, 'of-another-program');
  const { bavail, bsize } = await statfs(directory);
  await writeFile(path, Buffer.alloc(bavail * bsize - leftBytes));
  return () => rm(path);
}
