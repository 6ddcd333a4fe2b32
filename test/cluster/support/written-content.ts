/** The bytes from `offset` on of a file that is the same in every process. */
export function contentOf(offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = ((offset + i) * 31 + Math.floor((offset + i) / 251)) & 255;
  return bytes;
}
