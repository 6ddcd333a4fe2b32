/** A file that is open for writing. */
import { DfsError } from '../common/errors.js';

export class FileWriter {
  /** Bytes of the file so far, those included that are still on their way. */
  get length(): number {
    throw new DfsError('Unsupported', 'writing is not implemented yet');
  }

  /**
   * Appends `bytes` to the file; resolves once there is room for more (back-pressure).
   *
   * The writer takes the bytes over without copying large pieces: the caller must not change them afterwards, for they are sent
   * later, and sent again when a DataNode fails.
   */
  async write(_bytes: Uint8Array): Promise<void> {
    throw new DfsError('Unsupported', 'writing is not implemented yet');
  }

  /** Resolves once all that was written is in the memory of every DataNode of the pipeline and visible to new readers. */
  async hflush(): Promise<void> {
    throw new DfsError('Unsupported', 'writing is not implemented yet');
  }

  /** As {@link hflush}, and on the disk of every DataNode of the pipeline. */
  async hsync(): Promise<void> {
    throw new DfsError('Unsupported', 'writing is not implemented yet');
  }

  /** Writes what is left and closes the file. Only after this the file is complete and durable. */
  async close(): Promise<void> {
    throw new DfsError('Unsupported', 'writing is not implemented yet');
  }

  /** Stops writing. The file stays open at the NameNode until its lease runs out; remove it if it is not wanted. */
  async abort(_reason?: unknown): Promise<void> {
    throw new DfsError('Unsupported', 'writing is not implemented yet');
  }
}
