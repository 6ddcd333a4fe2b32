import test from 'ava';
import { LeaseRenewer } from '../../client/lease-renewer.js';
import { FakeClock } from '../support/fake-clock.js';

function renewer(renew: () => Promise<void> = async () => {}) {
  const clock = new FakeClock();
  const renewedAtMs: number[] = [];
  const leases = new LeaseRenewer(clock, () => {
    renewedAtMs.push(clock.monotonicMs());
    return renew();
  });
  return { clock, renewedAtMs, leases };
}

test('the lease is renewed every 30 s while a file is open, once for all files', async (t) => {
  const { clock, renewedAtMs, leases } = renewer();
  const releases = [leases.hold(), leases.hold()];
  await clock.advance(95_000);
  t.deepEqual(renewedAtMs, [30_000, 60_000, 90_000]);
  for (const release of releases) release();
});

test('without open files there is no timer', async (t) => {
  const { clock, renewedAtMs, leases } = renewer();
  const [first, second] = [leases.hold(), leases.hold()];
  first();
  first();
  t.is(clock.pendingTimers, 1);
  second();
  t.is(clock.pendingTimers, 0);
  await clock.advance(100_000);
  t.deepEqual(renewedAtMs, []);
  leases.hold()();
  t.is(clock.pendingTimers, 0);
});

test('a renewal that fails is followed by the next one', async (t) => {
  const { clock, renewedAtMs, leases } = renewer(() => Promise.reject(new Error('the NameNode is away')));
  const release = leases.hold();
  await clock.advance(60_000);
  t.deepEqual(renewedAtMs, [30_000, 60_000]);
  release();
});
