/** Takes the kernel's requests to the file system, and the answers back. */

import type { Clock } from '../../../common/clock.js';
import { messageOf } from '../../../common/errors.js';
import type { Logger } from '../../../common/logging.js';
import { newAbortController } from '../../on-abort.js';
import { pause } from '../../pause.js';
import { Errno, failureOf } from '../errno.js';
import type { FileSystemOperations } from '../file-system-operations.js';
import { isBeingKilled } from './caller.js';
import type { IncomingRequest } from './device.js';
import { type Answer, RequestDispatch } from './dispatch.js';
import { replyHeader } from './replies.js';
import { decodeRequest, type Request, type RequestBody, type RequestHeader } from './requests.js';

export interface SessionOptions {
  readonly operations: FileSystemOperations;
  /** Sends an answer; false when nobody waits for it. */
  readonly reply: (buffers: readonly Buffer[]) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

const NOTHING: readonly Buffer[] = [];

interface Interruptible {
  readonly threadId: number;
  readonly interrupt: (reason: Errno) => void;
}

/** Between two looks at a program that got a signal while it waits. */
const KILLED_POLL_MS = 200;

export class Session {
  readonly #options: SessionOptions;
  readonly #dispatch: RequestDispatch;
  /** Requests under way that may be interrupted. */
  readonly #interruptible = new Map<bigint, Interruptible>();

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#dispatch = new RequestDispatch(options);
  }

  /** Never throws. The request is released as soon as its bytes are not needed any more. */
  take(incoming: IncomingRequest): void {
    let request: Request;
    try {
      request = decodeRequest(incoming.mustHurry ? Buffer.from(incoming.bytes) : incoming.bytes);
    } catch (error) {
      this.#options.logger.error({ reason: messageOf(error) }, 'a request of the kernel could not be understood');
      incoming.release();
      return;
    }
    if (incoming.mustHurry) incoming.release();
    void this.#serve(request).finally(() => incoming.release());
  }

  async #serve(request: Request): Promise<void> {
    const { header, body } = request;
    if (body.op === 'forget') {
      for (const { node, lookups } of body.nodes) this.#options.operations.forget(node, lookups);
      return;
    }
    if (body.op === 'interrupt') {
      void this.#interrupt(body.unique);
      return;
    }
    try {
      const { body: answer, errno = 0, sent, undo } = await this.#answer(header, body);
      const isTaken = this.#reply(header, errno, answer);
      sent?.();
      if (!isTaken) undo?.();
    } catch (error) {
      this.#fail(request, error);
    }
  }

  /**
   * The kernel tells of the first signal, whichever it is. One that the program handles is no reason for EINTR, which nobody expects of files; but a program
   * that is to end must not wait for the cluster.
   */
  async #interrupt(unique: bigint): Promise<void> {
    for (
      let request = this.#interruptible.get(unique);
      request !== undefined;
      request = this.#interruptible.get(unique)
    ) {
      if (await isBeingKilled(request.threadId)) request.interrupt(new Errno('EINTR'));
      await pause(this.#options.clock, KILLED_POLL_MS, undefined, 'the end of a program');
    }
  }

  async #answer(header: RequestHeader, body: RequestBody): Promise<Answer> {
    if (!mayBeInterrupted(body)) return await this.#dispatch.run(header, body, NEVER);
    // Almost no request is interrupted, and a signal costs as much as the rest of a small one: it is made for those who ask for it.
    let controller: AbortController | undefined;
    const signal = (): AbortSignal => {
      controller ??= newAbortController();
      return controller.signal;
    };
    try {
      return await new Promise<Answer>((resolve, reject) => {
        let isInterrupted = false;
        const interrupt = (reason: Errno): void => {
          isInterrupted = true;
          reject(reason);
          controller?.abort(reason);
        };
        this.#interruptible.set(header.unique, { threadId: header.pid, interrupt });
        const finish = (answer: Answer): void => {
          if (isInterrupted) letGo(answer);
          else resolve(answer);
        };
        this.#dispatch.run(header, body, signal).then(finish, reject);
      });
    } finally {
      this.#interruptible.delete(header.unique);
    }
  }

  #reply({ unique }: RequestHeader, errno: number, body: readonly Buffer[]): boolean {
    const bytes = body.reduce((sum, { length }) => sum + length, 0);
    try {
      return this.#options.reply([replyHeader(unique, errno, bytes), ...body]);
    } catch (error) {
      this.#options.logger.error({ reason: messageOf(error), errno, bytes }, 'the kernel did not take an answer');
      return false;
    }
  }

  #fail({ header, body }: Request, error: unknown): void {
    const { errno, isUnexpected } = failureOf(error);
    if (isUnexpected) {
      this.#options.logger.warn({ op: body.op, inode: header.node, reason: messageOf(error) }, 'a request failed');
    }
    this.#reply(header, errno, NOTHING);
  }
}

const NEVER_ABORTED = newAbortController().signal;
const NEVER = (): AbortSignal => NEVER_ABORTED;

/** Nobody waits for this answer. */
function letGo({ sent, undo }: Answer): void {
  sent?.();
  undo?.();
}

/** Reading changes nothing, so that a program that is told to stop need not wait for its end. */
function mayBeInterrupted({ op }: RequestBody): boolean {
  return ['read', 'lookup', 'getattr', 'readdir', 'open', 'statfs', 'getxattr', 'readlink'].includes(op);
}
