import { DfsError } from '../../../common/errors.js';

/** Which inodes programs have open, and by which handles. */
export class OpenInodes {
  readonly #inodes = new Map<number, number>();
  readonly #handles = new Map<number, number>();

  opened(handle: number, inode: number): void {
    this.#inodes.set(handle, inode);
    this.#handles.set(inode, (this.#handles.get(inode) ?? 0) + 1);
  }

  released(handle: number): void {
    const inode = this.#inodes.get(handle);
    if (inode === undefined) return;
    this.#inodes.delete(handle);
    const rest = (this.#handles.get(inode) ?? 1) - 1;
    if (rest === 0) this.#handles.delete(inode);
    else this.#handles.set(inode, rest);
  }

  has(inode: number): boolean {
    return this.#handles.has(inode);
  }

  /** @throws DfsError `InvalidArgument` for a handle that is not open. */
  inode(handle: number): number {
    const inode = this.#inodes.get(handle);
    if (inode === undefined) throw new DfsError('InvalidArgument', `there is no open file ${handle}`);
    return inode;
  }
}
