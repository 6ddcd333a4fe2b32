/**
 * The kernel knows users by numbers, the cluster by names. /etc/passwd and /etc/group translate; a number without a name goes by its digits, and
 * a name without a number is nobody's.
 */
import { LRUCache } from 'lru-cache';
import { idOfName, nameOfId } from '../cli/local-users.js';

const NOBODY = 65_534;
const KEPT_ENTRIES = 4_096;
/** Somebody may add a user. */
const KEPT_MS = 30_000;

type Kind = 'passwd' | 'group';

export class Identities {
  readonly #names = new LRUCache<string, string>({ max: KEPT_ENTRIES, ttl: KEPT_MS });
  readonly #ids = new LRUCache<string, number>({ max: KEPT_ENTRIES, ttl: KEPT_MS });

  userName(uid: number): string {
    return this.#nameOf('passwd', uid);
  }

  groupName(gid: number): string {
    return this.#nameOf('group', gid);
  }

  userId(name: string): number {
    return this.#idOf('passwd', name);
  }

  groupId(name: string): number {
    return this.#idOf('group', name);
  }

  #nameOf(kind: Kind, id: number): string {
    const key = `${kind} ${id}`;
    const name = this.#names.get(key) ?? nameOfId(kind, id) ?? String(id);
    this.#names.set(key, name);
    return name;
  }

  #idOf(kind: Kind, name: string): number {
    const key = `${kind} ${name}`;
    const id = this.#ids.get(key) ?? idOfName(kind, name) ?? (/^\d{1,9}$/.test(name) ? Number(name) : NOBODY);
    this.#ids.set(key, id);
    return id;
  }
}
