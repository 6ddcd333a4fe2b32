/** Bytes that lie in several buffers, one after the other. */

export function totalLength(buffers: readonly Uint8Array[]): number {
  let total = 0;
  for (const buffer of buffers) total += buffer.length;
  return total;
}

/** What is left after the first `length` bytes, without copying; empty buffers at the front go as well. */
export function withoutFirst(buffers: readonly Uint8Array[], length: number): Uint8Array[] {
  let skip = length;
  let first = 0;
  for (; first < buffers.length; first++) {
    const buffer = buffers[first] as Uint8Array;
    if (buffer.length > skip) break;
    skip -= buffer.length;
  }
  const rest = buffers.slice(first);
  if (skip > 0) rest[0] = (rest[0] as Uint8Array).subarray(skip);
  return rest;
}
