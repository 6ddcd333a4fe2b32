/** What is in the files of a chaos run: an endless stream of bytes for each file, of which any range can be made at any time. */
import { createCipheriv, createHash } from 'node:crypto';

const AES_BLOCK_BYTES = 16;

/** The range of a file's stream. Counting blocks of a cipher is the fastest way to bytes that never repeat. */
export function contentOf(fileNumber: number, offset: number, length: number): Buffer {
  const key = Buffer.alloc(AES_BLOCK_BYTES);
  key.writeUInt32LE(fileNumber);
  const counter = Buffer.alloc(AES_BLOCK_BYTES);
  counter.writeBigUInt64BE(BigInt(Math.floor(offset / AES_BLOCK_BYTES)), 8);
  const skipped = offset % AES_BLOCK_BYTES;
  return createCipheriv('aes-128-ctr', key, counter)
    .update(Buffer.alloc(skipped + length))
    .subarray(skipped);
}

/** SHA-256 of the first `length` bytes of a file's stream. */
export function sha256OfContent(fileNumber: number, length: number): string {
  return createHash('sha256')
    .update(contentOf(fileNumber, 0, length))
    .digest('hex');
}
