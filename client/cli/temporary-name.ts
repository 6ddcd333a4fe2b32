/** The name a file has while it is being copied. */
import { createHash } from 'node:crypto';

const SUFFIX = '._COPYING_';
/** Bytes that a name may have, here and in local file systems. */
const MAX_NAME_BYTES = 255;
const DIGEST_CHARACTERS = 8;

/**
 * `path` with HDFS's `._COPYING_` behind it. The same path always gives the same name, so that what a killed copy left is replaced by
 * the next one. A name that would become too long is cut, and told apart by a digest.
 */
export function temporaryPath(path: string): string {
  const slash = path.lastIndexOf('/');
  const name = path.slice(slash + 1);
  if (Buffer.byteLength(name) + SUFFIX.length <= MAX_NAME_BYTES) return path + SUFFIX;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, DIGEST_CHARACTERS);
  const room = MAX_NAME_BYTES - SUFFIX.length - DIGEST_CHARACTERS - 1;
  return `${path.slice(0, slash + 1)}${cut(name, room)}-${digest}${SUFFIX}`;
}

function cut(text: string, maxBytes: number): string {
  let kept = '';
  let bytes = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > maxBytes) break;
    kept += character;
  }
  return kept;
}
