import type { ChecksumSpec } from '../../common/checksum.js';
import { checksumsLength, META_HEADER_LENGTH } from '../../common/checksum.js';
import type { Disk } from '../../common/disk.js';
import { isDfsError, messageOf } from '../../common/errors.js';
import { readMetaHeader } from './replica-files.js';

/**
 * Says whether meta files are as long as their data files ask for. Nearly all replicas have the same chunk size: a header is opened
 * only when the length is not right for that of the last one, which halves the time of a look at a whole volume.
 */
export class MetaFit {
  readonly #disk: Disk;
  #usual: ChecksumSpec | undefined;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** What is wrong with the meta file of `metaBytes` for `numBytes` of data; undefined when nothing is. */
  async misfit(metaPath: string, numBytes: number, metaBytes: number): Promise<string | undefined> {
    const fits = (spec: ChecksumSpec): boolean => metaBytes === META_HEADER_LENGTH + checksumsLength(spec, numBytes);
    if (this.#usual !== undefined && fits(this.#usual)) return undefined;
    try {
      const spec = await readMetaHeader(this.#disk, metaPath);
      if (!fits(spec)) return `a meta file of ${metaBytes} bytes does not belong to ${numBytes} bytes of data`;
      this.#usual = spec;
      return undefined;
    } catch (error) {
      if (isDfsError(error, 'Corrupt')) return messageOf(error);
      throw error;
    }
  }
}
