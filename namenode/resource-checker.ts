/** Watches the space on the NameNode's disk, so that it stops taking changes before the disk is full, and goes on once there is space. */
import type { Disk } from '../common/disk.js';
import { type DfsError, messageOf } from '../common/errors.js';
import { formatSize } from '../common/units.js';

export interface ResourceCheckerOptions {
  readonly disk: Disk;
  readonly directory: string;
  /** dfs.namenode.resource.du.reserved */
  readonly reservedBytes: number;
  /** Called with a sentence that says what is short, or '' when nothing is. */
  readonly onResult: (reason: string) => void;
}

export class ResourceChecker {
  readonly #options: ResourceCheckerOptions;

  constructor(options: ResourceCheckerOptions) {
    this.#options = options;
  }

  async check(): Promise<void> {
    this.#options.onResult(await this.#shortage());
  }

  /** The edit log could not be written: no need to wait for the next look. */
  failed(error: DfsError): void {
    this.#options.onResult(`Changes cannot be written down: ${error.message}.`);
  }

  async #shortage(): Promise<string> {
    const { disk, directory, reservedBytes } = this.#options;
    try {
      const { availableBytes } = await disk.space(directory);
      if (availableBytes >= reservedBytes) return '';
      return (
        `The NameNode's disk is nearly full: ${formatSize(availableBytes)} are free at ${directory}, ` +
        `${formatSize(reservedBytes)} are reserved (dfs.namenode.resource.du.reserved).`
      );
    } catch (error) {
      return `The NameNode's directory ${directory} cannot be read: ${messageOf(error)}.`;
    }
  }
}
