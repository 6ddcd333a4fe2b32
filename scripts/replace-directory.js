import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './requirements.js';

/**
 * Makes a directory anew: `make` fills `<directory>.<pid>`, which then takes the place of `directory` as a whole, so that neither a
 * run that was cut off nor a file that is made no longer leaves traces.
 * @param {string} directory
 * @param {(temporary: string) => void} make
 */
export function replaceDirectory(directory, make) {
  const temporary = `${directory}.${process.pid}`;
  const old = `${directory}.old.${process.pid}`;
  process.on('exit', () => {
    for (const leftover of [temporary, old]) rmSync(join(ROOT, leftover), { recursive: true, force: true });
  });
  make(temporary);
  try {
    renameSync(join(ROOT, directory), join(ROOT, old));
  } catch {
    // There was none, or another process has just replaced it.
  }
  try {
    renameSync(join(ROOT, temporary), join(ROOT, directory));
  } catch (error) {
    // Another process was quicker; what it made is as good as ours.
    if (!existsSync(join(ROOT, directory))) throw error;
  }
  // Not only at the end: the check that follows in the same process would look at it.
  rmSync(join(ROOT, old), { recursive: true, force: true });
}
