/** The groups of users, read from the machine's files and read again from time to time. */
import type { Disk } from '../../common/disk.js';
import type { Logger } from '../../common/logging.js';
import { readWhole } from '../../common/node-disk.js';
import { parseUserGroups, type UserGroups } from '../user-groups.js';

const FILE_BYTES_MAX = 16 * 2 ** 20;

export class GroupFiles {
  readonly #disk: Disk;
  readonly #overrides: string;
  #groups: UserGroups;

  /** @throws DfsError `InvalidConfiguration` when the overrides are not of their form. */
  constructor(disk: Disk, overrides: string) {
    this.#disk = disk;
    this.#overrides = overrides;
    this.#groups = parseUserGroups({ passwd: '', group: '', overrides });
  }

  get groups(): UserGroups {
    return this.#groups;
  }

  async load(logger: Logger): Promise<void> {
    const [passwd, group] = await Promise.all([this.#read('/etc/passwd', logger), this.#read('/etc/group', logger)]);
    this.#groups = parseUserGroups({ passwd, group, overrides: this.#overrides });
  }

  async #read(path: string, logger: Logger): Promise<string> {
    try {
      return (await readWhole(this.#disk, path, FILE_BYTES_MAX)).toString('utf8');
    } catch (error) {
      logger.warn({ err: error, path }, 'the groups of users cannot be read');
      return '';
    }
  }
}
