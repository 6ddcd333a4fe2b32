/** A file that is open for reading. */
import { DfsError } from '../common/errors.js';
import type { OpenOptions, ReadRange } from './types.js';

export class FileReader {
  /** Bytes of the file when it was opened. */
  get length(): number {
    throw new DfsError('Unsupported', 'reading is not implemented yet');
  }

  /** The bytes from `position` on: `length` of them, fewer at the end of the file. */
  async read(_position: number, _length: number, _options?: OpenOptions): Promise<Buffer> {
    throw new DfsError('Unsupported', 'reading is not implemented yet');
  }

  /** Fills `target` from `position` on; returns the number of bytes read, fewer than its length only at the end of the file. */
  async readInto(_target: Uint8Array, _position: number, _options?: OpenOptions): Promise<number> {
    throw new DfsError('Unsupported', 'reading is not implemented yet');
  }

  /** The bytes of a range in order, in pieces as they arrive. */
  stream(_range?: ReadRange, _options?: OpenOptions): AsyncIterable<Buffer> {
    throw new DfsError('Unsupported', 'reading is not implemented yet');
  }

  async close(): Promise<void> {}
}
