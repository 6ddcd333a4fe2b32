import { messageOf } from '../../../common/errors.js';
import type { Logger } from '../../../common/logging.js';
import { failureOf } from '../errno.js';
import type { OperationName, Signal } from './binding.js';

/** A result, and the values that go with it; nothing for success. */
export type Answer = readonly [result: number, ...values: readonly unknown[]] | undefined;

/** Sees to it that each request is answered exactly once, whatever happens. */
export class Answers {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** @param trailer values that an error has to be followed by: buffers that the addon takes back. */
  give(op: OperationName, signal: Signal, work: () => Promise<Answer>, trailer: readonly unknown[] = []): void {
    work().then(
      (answer) => signal(...(answer ?? [0])),
      (error: unknown) => {
        const { errno, isUnexpected } = failureOf(error);
        if (isUnexpected) this.#logger.warn({ op, reason: messageOf(error) }, 'a request failed');
        signal(-errno, ...trailer);
      },
    );
  }

  /** For an operation that answers with nothing. */
  giveDone(op: OperationName, signal: Signal, work: () => Promise<unknown>): void {
    this.give(op, signal, async () => {
      await work();
      return undefined;
    });
  }
}
