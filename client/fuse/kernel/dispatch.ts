/** One request of the kernel becomes one operation of the file system, and its result the body of an answer. */
import { constants } from 'node:os';
import { TextDecoder } from 'node:util';
import type { Clock } from '../../../common/clock.js';
import type { Logger } from '../../../common/logging.js';
import { Errno } from '../errno.js';
import type { AttributeChange, Attributes, FileSystemOperations } from '../file-system-operations.js';
import { createRequest, openRequest, xattrMode } from '../flags.js';
import { FALLOCATE_KEEP_SIZE, InitFlag, OpenFlag, PROTOCOL, RenameFlag, SetattrValid } from './constants.js';
import { MAX_WRITE_BYTES } from './device.js';
import {
  attributesBody,
  DirectoryPage,
  entryBody,
  initBody,
  openBody,
  statfsBody,
  type Validity,
  writtenBody,
  xattrSizeBody,
} from './replies.js';
import type { RequestBody, RequestHeader, WireTime } from './requests.js';

/** What others change shows after a second at the latest. */
const VALIDITY: Validity = { entryMs: 1_000, attributesMs: 1_000 };
const MAX_PAGES = MAX_WRITE_BYTES / 4096;
/** Read-aheads and the like that the kernel has under way at a time. */
const MAX_BACKGROUND = 64;
const WANTED_FLAGS =
  InitFlag.ASYNC_READ |
  InitFlag.ATOMIC_O_TRUNC |
  InitFlag.BIG_WRITES |
  InitFlag.AUTO_INVAL_DATA |
  InitFlag.DO_READDIRPLUS |
  InitFlag.READDIRPLUS_AUTO |
  InitFlag.PARALLEL_DIROPS |
  InitFlag.MAX_PAGES |
  InitFlag.HANDLE_KILLPRIV_V2;

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** An answer, and what is to be done once the kernel has it. */
export interface Answer {
  readonly body: readonly Buffer[];
  /** Default: 0, no error. */
  readonly errno?: number;
  readonly sent?: () => void;
  /** The kernel did not take the answer, and knows of nothing. */
  readonly undo?: () => void;
}

const DONE: Answer = { body: [] };
/** Most names that programs look for are nowhere: an Error with its stack would cost more than the rest of the answer. */
const ABSENT: Answer = { body: [], errno: constants.errno.ENOENT };

export interface DispatchOptions {
  readonly operations: FileSystemOperations;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class RequestDispatch {
  readonly #options: DispatchOptions;

  constructor(options: DispatchOptions) {
    this.#options = options;
  }

  /** `signal` makes one that aborts when the program is to end. @throws what the operation throws, and Errno. */
  async run(header: RequestHeader, body: RequestBody, signal: () => AbortSignal): Promise<Answer> {
    const { operations } = this.#options;
    const { node } = header;
    switch (body.op) {
      case 'init':
        return this.#init(body);
      case 'destroy':
        return DONE;
      case 'lookup':
        return known(operations, await operations.lookup(node, text(body.name, 'ENOENT')));
      case 'getattr':
        return answer(attributesBody(await operations.getattr(node, VALIDITY.attributesMs), VALIDITY));
      case 'setattr':
        return answer(attributesBody(await operations.setattr(node, this.#change(body)), VALIDITY));
      case 'readlink':
        return answer(Buffer.from(await operations.readlink(node)));
      case 'mkdir':
        return answer(entryBody(await operations.mkdir(header, node, text(body.name), body.mode), VALIDITY));
      case 'mknod':
        return answer(entryBody(await operations.mknod(header, node, text(body.name), body.mode), VALIDITY));
      case 'symlink':
        return answer(entryBody(await operations.symlink(header, node, text(body.name), text(body.target)), VALIDITY));
      case 'unlink':
        return await after(operations.unlink(node, text(body.name)));
      case 'rmdir':
        return await after(operations.rmdir(node, text(body.name)));
      case 'rename':
        return await this.#rename(node, body);
      case 'link':
        throw new Errno('EPERM');
      case 'opendir':
        return answer(openBody(await operations.opendir(node), 0));
      case 'readdir':
      case 'readdirplus':
        return await this.#readdir(node, body);
      case 'releasedir':
        return await after(operations.releasedir(body.handle));
      case 'fsyncdir': // every change of a directory is durable when it is answered
        return DONE;
      case 'open': {
        const request = openRequest(body.flags, body.dropsPrivileges);
        const { handle, keepsCache } = await operations.open(node, request);
        const flags = (keepsCache ? OpenFlag.KEEP_CACHE : 0) | (request.writes ? 0 : OpenFlag.NOFLUSH);
        return { body: [openBody(handle, flags)], undo: () => void operations.release(handle).catch(() => undefined) };
      }
      case 'create':
        return await this.#create(header, body);
      case 'read': {
        const { buffers, release } = await operations.read(body.handle, body.offset, body.size, signal());
        return { body: buffers, sent: release };
      }
      case 'write':
        await operations.write(body.handle, body.offset, body.data, body.dropsPrivileges);
        return answer(writtenBody(body.data.length));
      case 'fallocate':
        if ((body.mode & ~FALLOCATE_KEEP_SIZE) !== 0) throw new Errno('EOPNOTSUPP');
        if (body.mode === 0) await operations.allocate(body.handle, body.offset + body.length);
        return DONE;
      case 'flush':
        return await after(operations.flush(body.handle));
      case 'fsync':
        return await after(operations.fsync(body.handle));
      case 'release':
        return await after(operations.release(body.handle));
      case 'getxattr':
        return sized(await operations.getxattr(node, text(body.name, 'ENODATA')), body.size);
      case 'listxattr':
        return sized(Buffer.from((await operations.listxattr(node)).map((name) => `${name}\0`).join('')), body.size);
      case 'setxattr':
        return await after(operations.setxattr(node, text(body.name), Buffer.from(body.value), xattrMode(body.flags)));
      case 'removexattr':
        return await after(operations.removexattr(node, text(body.name, 'ENODATA')));
      case 'statfs':
        return answer(statfsBody(await operations.statfs()));
      case 'forget':
      case 'interrupt':
      case 'unknown':
        throw new Errno('ENOSYS');
    }
  }

  #init({ major, minor, maxReadahead, flags }: RequestBody & { op: 'init' }): Answer {
    if (major < PROTOCOL.major) throw new Errno('EPROTO');
    this.#options.logger.debug({ kernel: `${major}.${minor}` }, 'the kernel says hello');
    return answer(
      initBody({
        maxReadahead,
        flags: flags & WANTED_FLAGS,
        maxWrite: MAX_WRITE_BYTES,
        maxPages: MAX_PAGES,
        maxBackground: MAX_BACKGROUND,
      }),
    );
  }

  #change({ valid, size, mode, uid, gid, atime, mtime }: RequestBody & { op: 'setattr' }): AttributeChange {
    const has = (bit: number) => (valid & bit) !== 0;
    const now = { ms: this.#options.clock.now(), ns: 0 };
    const access = has(SetattrValid.ATIME) ? (has(SetattrValid.ATIME_NOW) ? now : timestamp(atime)) : undefined;
    const modification = has(SetattrValid.MTIME) ? (has(SetattrValid.MTIME_NOW) ? now : timestamp(mtime)) : undefined;
    const times = {
      ...(access === undefined ? {} : { accessTimeMs: access.ms, accessTimeNs: access.ns }),
      ...(modification === undefined
        ? {}
        : { modificationTimeMs: modification.ms, modificationTimeNs: modification.ns }),
    };
    return {
      ...(has(SetattrValid.SIZE) ? { size: Number(size) } : {}),
      ...(has(SetattrValid.MODE) ? { mode } : {}),
      ...(has(SetattrValid.UID) ? { uid } : {}),
      ...(has(SetattrValid.GID) ? { gid } : {}),
      ...(access === undefined && modification === undefined ? {} : { times }),
      dropsPrivileges: has(SetattrValid.KILL_SUIDGID),
    };
  }

  async #rename(parent: number, { name, newName, newParent, flags }: RequestBody & { op: 'rename' }): Promise<Answer> {
    if ((flags & ~RenameFlag.NOREPLACE) !== 0) throw new Errno('EINVAL');
    const mayReplace = (flags & RenameFlag.NOREPLACE) === 0;
    return await after(
      this.#options.operations.rename(parent, text(name, 'ENOENT'), {
        parent: newParent,
        name: text(newName),
        mayReplace,
      }),
    );
  }

  async #readdir(
    node: number,
    { op, handle, offset, size }: RequestBody & { op: 'read' | 'readdir' | 'readdirplus' },
  ): Promise<Answer> {
    const { operations } = this.#options;
    const page = new DirectoryPage(size, op === 'readdirplus' ? VALIDITY : undefined);
    await operations.readdir(handle, offset, (entry, next) => {
      const isAdded = page.add(entry, next);
      if (isAdded && op === 'readdirplus' && entry.attributes !== undefined) operations.listed(entry, node);
      return isAdded;
    });
    return answer(page.bytes());
  }

  async #create(header: RequestHeader, { flags, mode, name }: RequestBody & { op: 'create' }): Promise<Answer> {
    const { operations } = this.#options;
    const created = await operations.create(header, header.node, text(name), mode, createRequest(flags));
    return { body: [entryBody(created.attributes, VALIDITY), openBody(created.handle, 0)] };
  }
}

function known(operations: FileSystemOperations, attributes: Attributes | undefined): Answer {
  if (attributes === undefined) return ABSENT;
  return { body: [entryBody(attributes, VALIDITY)], undo: () => operations.forget(attributes.inode, 1) };
}

function answer(...body: Buffer[]): Answer {
  return { body };
}

async function after(work: Promise<void>): Promise<Answer> {
  await work;
  return DONE;
}

/** As getxattr(2) has it: size 0 asks for the size, too small a size is an error. */
function sized(bytes: Buffer, size: number): Answer {
  if (size === 0) return answer(xattrSizeBody(bytes.length));
  if (bytes.length > size) throw new Errno('ERANGE');
  return answer(bytes);
}

/** The cluster's names are text. */
function text(bytes: Buffer, otherwise: keyof typeof constants.errno = 'EILSEQ'): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new Errno(otherwise);
  }
}

function timestamp({ seconds, nanoseconds }: WireTime): { ms: number; ns: number } {
  // The cluster's times begin with 1970.
  const wholeSeconds = Math.max(0, Number(seconds));
  return { ms: wholeSeconds * 1000 + Math.floor(nanoseconds / 1_000_000), ns: nanoseconds % 1_000_000 };
}
