import test from 'ava';
import { NamenodeClient } from '../../../client/rpc/namenode-client.js';
import type { ErrorName } from '../../../common/errors.js';
import { DfsError } from '../../../common/errors.js';
import { seededRandom } from '../../../common/random.js';
import type { CallOptions } from '../../../common/rpc/service.js';
import type { ClientProtocolClient } from '../../../common/rpc/services.js';
import { FakeClock } from '../../support/fake-clock.js';

interface Attempt {
  readonly callId: number;
  readonly clientId: string;
  readonly user: string;
  readonly atMs: number;
}

/** A NameNode that fails with `failures`, one a call (undefined: an answer), and then answers. */
function namenode(failures: (ErrorName | undefined)[]) {
  const clock = new FakeClock();
  const attempts: Attempt[] = [];
  const rpc = {
    Delete: async (
      { header }: { header: { callId: number; clientId: Buffer; user: string } },
      options: CallOptions,
    ) => {
      const { callId, clientId, user } = header;
      attempts.push({ callId, clientId: clientId.toString('hex'), user, atMs: clock.monotonicMs() });
      const failure = failures.shift();
      if (options.signal?.aborted) throw new DfsError('Cancelled', 'aborted');
      if (failure !== undefined) throw new DfsError(failure, `it was ${failure}`);
      return { deleted: true };
    },
  } as unknown as ClientProtocolClient;
  const random = seededRandom(3);
  const client = new NamenodeClient({ rpc, user: 'alice', clock, random, attemptTimeoutMs: 1000, maxTotalMs: 60_000 });
  return { client, clock, attempts };
}

const request = { path: '/f', recursive: false };

for (const name of ['ConnectionLost', 'Timeout', 'RetryLater', 'Overloaded'] as const) {
  test(`a call is sent again after ${name}, under the same number`, async (t) => {
    const { client, clock, attempts } = namenode([name, name, name]);
    const calling = client.call('Delete', request);
    await clock.advance(60_000);
    t.deepEqual(await calling, { deleted: true });
    t.is(attempts.length, 4);
    t.is(new Set(attempts.map(({ callId, clientId, user }) => `${clientId} ${callId} ${user}`)).size, 1);
    t.is(clock.pendingTimers, 0);
  });
}

for (const name of ['FileNotFound', 'AccessControl', 'SafeMode', 'Internal'] as const) {
  test(`a call that is answered with ${name} is not sent again`, async (t) => {
    const { client, attempts } = namenode([name]);
    await t.throwsAsync(client.call('Delete', request), { instanceOf: DfsError, name });
    t.is(attempts.length, 1);
  });
}

test('work under way waits for the end of safe mode', async (t) => {
  const { client, clock, attempts } = namenode(['StartupSafeMode', 'StartupSafeMode']);
  const calling = client.call('Delete', request, { throughSafeMode: true });
  await clock.advance(60_000);
  t.deepEqual(await calling, { deleted: true });
  t.is(attempts.length, 3);
});

test('a client whose changes were taken waits when the NameNode is in safe mode again', async (t) => {
  const { client, clock, attempts } = namenode([undefined, 'StartupSafeMode', 'StartupSafeMode']);
  t.deepEqual(await client.call('Delete', request), { deleted: true });
  const calling = client.call('Delete', request);
  await clock.advance(60_000);
  t.deepEqual(await calling, { deleted: true });
  t.is(attempts.length, 4);
});

test('nobody waits for the end of safe mode that is not that of a start', async (t) => {
  const { client, attempts } = namenode([undefined, 'SafeMode', 'SafeMode']);
  await client.call('Delete', request);
  await t.throwsAsync(client.call('Delete', request), { name: 'SafeMode' });
  await t.throwsAsync(client.call('Delete', request, { throughSafeMode: true }), { name: 'SafeMode' });
  t.is(attempts.length, 3);
});

test('safe mode has one name for users, also when it is that of a start and lasts too long', async (t) => {
  const { client, clock } = namenode(Array.from({ length: 1000 }, () => 'StartupSafeMode'));
  await t.throwsAsync(client.call('Delete', request), { name: 'SafeMode', message: 'it was StartupSafeMode' });
  const waiting = t.throwsAsync(client.call('Delete', request, { throughSafeMode: true }), { name: 'SafeMode' });
  await clock.advance(120_000);
  await waiting;
});

test('each call has the next number, and all have the same client id', async (t) => {
  const { client, attempts } = namenode([]);
  for (let i = 0; i < 3; i++) await client.call('Delete', request);
  const [first, second, third] = attempts.map(({ callId }) => callId);
  t.deepEqual([second, third], [(first ?? 0) + 1, (first ?? 0) + 2]);
  t.is(new Set(attempts.map(({ clientId }) => clientId)).size, 1);
  t.is(attempts[0]?.clientId.length, 32);
  t.is(attempts[0]?.user, 'alice');
});

test('repeats end when their time is over, with the last error', async (t) => {
  const { client, clock, attempts } = namenode(Array.from({ length: 1000 }, () => 'ConnectionLost'));
  const failed = t.throwsAsync(client.call('Delete', request, { maxTotalMs: 2000 }), { name: 'ConnectionLost' });
  await clock.advance(60_000);
  await failed;
  t.true(attempts.length > 2 && attempts.length < 100);
  t.true((attempts.at(-1)?.atMs ?? 0) <= 2000);
});

test('the pauses differ, and grow to a limit', async (t) => {
  const { client, clock, attempts } = namenode(Array.from({ length: 1000 }, () => 'ConnectionLost'));
  const failed = t.throwsAsync(client.call('Delete', request));
  await clock.advance(120_000);
  await failed;
  const pauses = attempts.slice(1).map(({ atMs }, index) => atMs - (attempts[index]?.atMs ?? 0));
  t.true(pauses.every((pauseMs) => pauseMs <= 3000));
  t.true(Math.max(...pauses) > 1000);
  t.true(new Set(pauses).size > 5);
});

test('a signal ends the pause between two attempts', async (t) => {
  const { client, clock, attempts } = namenode(['ConnectionLost']);
  const abort = new AbortController();
  const failed = t.throwsAsync(client.call('Delete', request, { signal: abort.signal }), { name: 'Cancelled' });
  await clock.advance(0);
  abort.abort();
  await failed;
  t.is(attempts.length, 1);
  t.is(clock.pendingTimers, 0);
});

test('a closed client repeats nothing', async (t) => {
  const { client, clock, attempts } = namenode(['ConnectionLost', 'ConnectionLost']);
  const failed = t.throwsAsync(client.call('Delete', request), { name: 'Cancelled' });
  await clock.advance(0);
  client.close();
  await failed;
  await t.throwsAsync(client.call('Delete', request), { name: 'Cancelled' });
  t.is(attempts.length, 2);
  t.is(clock.pendingTimers, 0);
});
