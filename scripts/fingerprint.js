/** Tells whether files changed since something was made from them. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './requirements.js';

/**
 * Changes when one of the files changes, comes or goes. Files are told apart by time and size: reading them all would cost more
 * than it saves.
 * @param {string[]} paths files, or directories with everything below them
 */
export function fingerprint(paths) {
  const hash = createHash('sha256');
  for (const path of paths) addToHash(hash, path);
  return hash.digest('hex');
}

/**
 * @param {import('node:crypto').Hash} hash
 * @param {string} path
 */
function addToHash(hash, path) {
  const stats = statSync(join(ROOT, path));
  if (!stats.isDirectory()) {
    hash.update(`${path}\0${stats.mtimeMs}\0${stats.size}\n`);
    return;
  }
  for (const name of readdirSync(join(ROOT, path)).sort()) addToHash(hash, `${path}/${name}`);
}

/**
 * The fingerprint that was stored in `file`; undefined when there is none.
 * @param {string} file
 */
export function storedFingerprint(file) {
  try {
    return readFileSync(join(ROOT, file), 'utf8');
  } catch {
    return undefined;
  }
}
