import test from 'ava';
import fc from 'fast-check';
import { DfsError } from '../../common/errors.js';
import { type Random, seededRandom } from '../../common/random.js';
import { type RetryContext, retryDelayMs, withRetries } from '../../common/retry.js';
import { FakeClock } from '../support/fake-clock.js';

const policy = { maxAttempts: 4, baseDelayMs: 100, maxDelayMs: 300 };

const lost = new DfsError('ConnectionLost', 'gone');

/** Takes the longest pause that the policy allows. */
const longest: Random = { ...seededRandom(1), fraction: () => 1 };

function context(more: Partial<RetryContext> = {}): RetryContext & { clock: FakeClock } {
  return { clock: new FakeClock(), random: longest, ...more } as RetryContext & { clock: FakeClock };
}

test('what succeeds is not repeated', async (t) => {
  const attempts: number[] = [];
  const result = await withRetries(policy, context(), async (number) => {
    attempts.push(number);
    return 'done';
  });
  t.is(result, 'done');
  t.deepEqual(attempts, [1]);
});

test('what fails is repeated after pauses that double up to the limit, and the last error is thrown', async (t) => {
  const { clock, ...rest } = context();
  const attemptedAtMs: number[] = [];
  const result = t.throwsAsync(
    withRetries(policy, { clock, ...rest }, async (number) => {
      attemptedAtMs.push(clock.monotonicMs());
      throw new DfsError('Timeout', `attempt ${number}`);
    }),
    { name: 'Timeout', message: 'attempt 4' },
  );
  await clock.advance(10_000);
  await result;
  t.deepEqual(attemptedAtMs, [0, 100, 300, 600]);
});

test('a later attempt may succeed', async (t) => {
  const { clock, ...rest } = context();
  const result = withRetries(policy, { clock, ...rest }, async (number) => {
    if (number < 3) throw lost;
    return number;
  });
  await clock.advance(10_000);
  t.is(await result, 3);
});

test('an error that says that repeating cannot help is thrown at once', async (t) => {
  let attempts = 0;
  await t.throwsAsync(
    withRetries(policy, context(), async () => {
      attempts++;
      throw new DfsError('FileNotFound', 'no such file');
    }),
    { name: 'FileNotFound' },
  );
  t.is(attempts, 1);
  await t.throwsAsync(
    withRetries(policy, context(), async () => {
      throw new TypeError('a mistake');
    }),
    { instanceOf: TypeError },
  );
});

test('the caller may decide what is repeated', async (t) => {
  const isRetryable = (error: unknown) => error instanceof RangeError;
  const { clock, ...rest } = context({ isRetryable });
  const result = withRetries(policy, { clock, ...rest }, async (number) => {
    if (number === 1) throw new RangeError('try again');
    return number;
  });
  await clock.advance(10_000);
  t.is(await result, 2);
  await t.throwsAsync(
    withRetries(policy, context({ isRetryable }), async () => {
      throw lost;
    }),
    { is: lost },
  );
});

test('an abort ends the pause at once and leaves no timer', async (t) => {
  const controller = new AbortController();
  const { clock, ...rest } = context({ signal: controller.signal });
  let attempts = 0;
  const result = t.throwsAsync(
    withRetries(policy, { clock, ...rest }, async () => {
      attempts++;
      throw lost;
    }),
    { name: 'Cancelled' },
  );
  await clock.advance(50);
  controller.abort();
  await result;
  t.is(attempts, 1);
  t.is(clock.pendingTimers, 0);
});

test('after an abort, a failed attempt is not repeated', async (t) => {
  const controller = new AbortController();
  await t.throwsAsync(
    withRetries(policy, context({ signal: controller.signal }), async () => {
      controller.abort();
      throw lost;
    }),
    { is: lost },
  );
});

test('pauses are spread over everything from nothing to the limit', (t) => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 2000 }), (seed, attempt) => {
      const delayMs = retryDelayMs(policy, attempt, seededRandom(seed));
      t.true(delayMs >= 0 && delayMs <= Math.min(300, 100 * 2 ** (attempt - 1)));
    }),
  );
  const random = seededRandom(7);
  const delays = Array.from({ length: 100 }, () => retryDelayMs(policy, 3, random));
  t.true(Math.min(...delays) < 30 && Math.max(...delays) > 270);
});
