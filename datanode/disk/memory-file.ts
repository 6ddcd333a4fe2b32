import type { DiskFile } from '../../common/disk.js';

/** Bytes in memory that are read as a file. */
export class MemoryFile implements DiskFile {
  readonly path: string;
  readonly #bytes: Buffer;

  constructor(path: string, bytes: Buffer) {
    this.path = path;
    this.#bytes = bytes;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    return this.#bytes.copy(target, 0, Math.min(position, this.#bytes.length));
  }

  async size(): Promise<number> {
    return this.#bytes.length;
  }

  async close(): Promise<void> {}

  async sync(): Promise<void> {}

  write(): Promise<void> {
    throw this.#readOnly();
  }

  truncate(): Promise<void> {
    throw this.#readOnly();
  }

  identity(): Promise<string> {
    throw this.#readOnly();
  }

  #readOnly(): Error {
    return new Error(`${this.path} is in memory only and can just be read`);
  }
}
