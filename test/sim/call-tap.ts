/** Lets checkers see calls between processes as they happen, without being part of them. */
import type { Life } from './life.js';

export interface SeenCall {
  /** Of the process that is called. */
  readonly server: Life;
  readonly callerHost: string;
  readonly method: string;
  readonly request: unknown;
}

export interface SeenAnswer extends SeenCall {
  readonly answer: unknown;
}

export class CallTap {
  readonly #arrivals: ((call: SeenCall) => void)[] = [];
  readonly #answers: ((call: SeenAnswer) => void)[] = [];

  /** Calls `listener` with each request that has come to its server, before that looks at it. */
  onArrival(listener: (call: SeenCall) => void): void {
    this.#arrivals.push(listener);
  }

  /** Calls `listener` with each answer that is no error, before it is sent. */
  onAnswer(listener: (call: SeenAnswer) => void): void {
    this.#answers.push(listener);
  }

  arrived(call: SeenCall): void {
    for (const listener of this.#arrivals) listener(call);
  }

  answered(call: SeenAnswer): void {
    for (const listener of this.#answers) listener(call);
  }
}
