/** Debian packages for a peer, unpacked into a directory: nothing is installed on the machine, and no script of a package runs. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const DOWNLOAD_TIMEOUT_MS = 300_000;

/** `Inst attr (1:2.5.1-4 Debian:12 [amd64])`: one line of a simulated installation. */
const INSTALLED = /^Inst (\S+) (?:\[\S+\] )?\((\S+) /gm;

/** @returns what would be installed with `packages`, as `name=version`; empty if all of it is on the machine. */
async function missing(packages: readonly string[]): Promise<string[]> {
  const { stdout } = await run('apt-get', ['-s', '-q', '--no-install-recommends', 'install', ...packages]);
  return [...stdout.matchAll(INSTALLED)].map(([, name, version]) => `${name}=${version}`);
}

/**
 * Downloads `packages` and what they need and this machine has not, and unpacks them below `root` (`root/usr/…`).
 *
 * @throws {Error} that says what to do when apt-get does not find or cannot fetch them.
 */
export async function unpackPackages(packages: readonly string[], root: string): Promise<void> {
  const archives = `${root}.archives`;
  await mkdir(archives, { recursive: true });
  await mkdir(root, { recursive: true });
  try {
    const wanted = await missing(packages);
    if (wanted.length > 0)
      await run('apt-get', ['-q', 'download', ...wanted], { cwd: archives, timeout: DOWNLOAD_TIMEOUT_MS });
    for (const archive of await readdir(archives)) await run('dpkg-deb', ['-x', join(archives, archive), root]);
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    const reason =
      (stderr || message)
        .trim()
        .split('\n')
        .find((line) => line.startsWith('E:')) ?? message;
    throw new Error(
      `cannot fetch ${packages.join(', ')}: ${reason}. The peers are Debian 12 packages: check with "apt-get update; apt-cache policy ${packages[0]}", or run the bench without --peer.`,
    );
  } finally {
    await rm(archives, { recursive: true, force: true });
  }
}
