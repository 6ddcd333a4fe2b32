/** How often, and after which pauses, something that failed is tried again. */

import { cancellation } from './cancellation.js';
import { type Clock, sleep } from './clock.js';
import { DfsError } from './errors.js';
import type { Random } from './random.js';

export interface RetryPolicy {
  /** Including the first one; at least 1. */
  readonly maxAttempts: number;
  /** Upper limit of the pause after the first attempt; it doubles with each further one. */
  readonly baseDelayMs: number;
  /** The upper limit does not grow beyond this. */
  readonly maxDelayMs: number;
}

export interface RetryContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
  /** Whether it makes sense to try again after `error`. Default: what the error says of itself ({@link DfsError.retryable}). */
  readonly isRetryable?: (error: unknown) => boolean;
}

/**
 * The pause after attempt number `attempt` (the first is 1): anything from 0 to the upper limit ("full jitter"), because
 * many clients that failed together must not come back together.
 */
export function retryDelayMs(policy: RetryPolicy, attempt: number, random: Random): number {
  const limitMs = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (attempt - 1));
  return random.fraction() * limitMs;
}

/**
 * Calls `attempt` (with 1, 2, …) until it succeeds, and returns its result.
 * @throws whatever the last attempt threw; DfsError `Cancelled` when the signal aborts during a pause.
 */
export async function withRetries<T>(
  policy: RetryPolicy,
  context: RetryContext,
  attempt: (number: number) => Promise<T>,
): Promise<T> {
  const isRetryable = context.isRetryable ?? ((error) => error instanceof DfsError && error.retryable);
  for (let number = 1; ; number++) {
    try {
      return await attempt(number);
    } catch (error) {
      if (number >= policy.maxAttempts || context.signal?.aborted || !isRetryable(error)) throw error;
    }
    await pause(retryDelayMs(policy, number, context.random), context);
  }
}

async function pause(delayMs: number, { clock, signal }: RetryContext): Promise<void> {
  try {
    await sleep(clock, delayMs, signal);
  } catch {
    throw cancellation(signal, 'waiting for the next attempt');
  }
}
