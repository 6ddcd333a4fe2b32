import { isDfsError } from '../../common/errors.js';
import type { Logger } from '../../common/logging.js';
import type { Ownership } from '../types.js';
import type { Caller } from './file-system-operations.js';
import type { Identities } from './identities.js';

/** Makes files in the name of those who ask. A mount that is not the cluster's superuser makes everything in its own. */
export class OnBehalf {
  readonly #identities: Identities;
  readonly #logger: Logger;
  /** False once the cluster has refused to make something in the name of another user. */
  #isSuperuser = true;

  constructor(identities: Identities, logger: Logger) {
    this.#identities = identities;
    this.#logger = logger;
  }

  async of<T>({ uid, gid }: Caller, work: (owner: Ownership) => Promise<T>): Promise<T> {
    if (!this.#isSuperuser) return await work({});
    try {
      return await work({ owner: this.#identities.userName(uid), group: this.#identities.groupName(gid) });
    } catch (error) {
      if (!isDfsError(error, 'AccessControl')) throw error;
      const result = await work({});
      this.#isSuperuser = false;
      this.#logger.warn('this mount is not the superuser of the cluster: all that is made here belongs to its user');
      return result;
    }
  }
}
