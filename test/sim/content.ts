/** What writers of the simulation write: each byte follows from who wrote it (a tag) and where it stands in the file. */

/**
 * The bytes from `start` to `start + length` of a file that the writer with `tag` wrote; in memory of their own, so that it does not
 * depend on what else has been allocated whether two of these lie side by side.
 */
export function contentOf(tag: number, start: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  for (let i = 0; i < length; i++) bytes[i] = byteOf(tag, start + i);
  return bytes;
}

export function byteOf(tag: number, position: number): number {
  let mixed = Math.imul(tag, 0x9e3779b1) ^ Math.imul(position >>> 2, 0x85ebca77);
  mixed ^= mixed >>> 15;
  return (mixed >>> ((position & 3) * 8)) & 0xff;
}
