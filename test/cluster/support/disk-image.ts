/**
 * A disk that can fill up, turn read-only and vanish under a running process: ext4 in an image file, mounted on a directory. The mount and
 * its loop device go away with the directory in which both lie (clear-away.ts).
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resultOf, waitFor } from '../harness.js';

const MAKE = `truncate -s "$2" "$1" && mkfs.ext4 -q -F -m 0 "$1"`;
const MOUNT = `mount -o loop,errors=remount-ro "$1" "$2"`;

const RELEASE_TIMEOUT_MS = 5_000;

/** Why there can be no such disks here; undefined when there can. */
export function whyNoDiskImages(): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'dfs-image-'));
  const image = join(directory, 'image');
  const script = `mkdir "$3" && ${MAKE} && set -- "$1" "$3" && ${MOUNT} && umount "$2"`;
  const { status, stderr, error } = spawnSync('sh', ['-c', script, 'sh', image, '4m', join(directory, 'mounted')]);
  rmSync(directory, { recursive: true, force: true });
  return status === 0 ? undefined : (error?.message ?? stderr.toString().trim());
}

export class DiskImage {
  /** What a process uses. */
  readonly directory: string;
  #image: string;

  private constructor(image: string, directory: string) {
    this.#image = image;
    this.directory = directory;
  }

  /** @param directory exists and is empty. @param size as `64m`. */
  static async make(image: string, directory: string, size: string): Promise<DiskImage> {
    await shell(MAKE, image, size);
    const disk = new DiskImage(image, directory);
    await disk.mount();
    return disk;
  }

  async mount(): Promise<void> {
    await shell(MOUNT, this.#image, this.directory);
  }

  /** Another program takes all of the space, or all but `leftBytes` of it. */
  async fill(leftBytes = 0): Promise<void> {
    const { bavail, bsize } = await statfs(this.directory);
    const bytes = Math.max(1, bavail * bsize - leftBytes);
    await shell('fallocate -l "$1" "$2" || true', String(bytes), this.#filler);
    if (leftBytes === 0) await shell('cat /dev/zero >>"$1" 2>/dev/null || true', this.#filler); // what it needs itself is not quite known
  }

  async empty(): Promise<void> {
    await shell('rm -f "$1"', this.#filler);
  }

  /** As the kernel does it when it finds an error in the file system. */
  async turnReadOnly(): Promise<void> {
    await shell('echo 1 >"/sys/fs/ext4/$(basename "$(findmnt -nro SOURCE "$1")")/trigger_fs_error"', this.directory);
  }

  /** The directory is that below from now on; files that are open stay so. */
  async vanish(): Promise<void> {
    await shell('umount -l "$1"', this.directory);
  }

  /** As an administrator puts it in order again. No process of ours may be using it. */
  async repair(): Promise<void> {
    await shell('! mountpoint -q "$1" || umount -l "$1"', this.directory);
    const unused = async (): Promise<boolean> => (await shell('losetup -j "$1"', this.#image)) === '';
    try {
      await waitFor(unused, `${this.#image} not to be in use`, RELEASE_TIMEOUT_MS);
    } catch {
      // A process of somebody else with mounts of its own has this one among them: a copy of the image goes on in its place.
      const copy = `${this.#image}+`;
      await shell('sync && cp --sparse=always "$1" "$2"', this.#image, copy);
      this.#image = copy;
    }
    await shell('e2fsck -fy "$1" >/dev/null 2>&1; [ $? -le 1 ]', this.#image);
    await this.mount();
  }

  get #filler(): string {
    return join(this.directory, 'of-another-program');
  }
}

async function shell(script: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await resultOf(spawn('sh', ['-c', script, 'sh', ...args]));
  if (code !== 0) throw new Error(`${script} (${args.join(', ')}): ${stderr}`);
  return stdout;
}
