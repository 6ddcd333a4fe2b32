import test from 'ava';
import { LeaseManager } from '../../namenode/lease-manager.js';

const newManager = () => new LeaseManager({ softLimitMs: 60, hardLimitMs: 1000 });

test('a lease is taken over after the soft limit, counted from the last renewal', (t) => {
  const leases = newManager();
  leases.opened('w', 0);
  t.false(leases.isSoftExpired('w', 60));
  t.true(leases.isSoftExpired('w', 61));
  leases.renew('w', 61);
  t.false(leases.isSoftExpired('w', 121));
  t.true(leases.isSoftExpired('w', 122));
});

test('a holder that is not known is given its time', (t) => {
  const leases = newManager();
  t.false(leases.isSoftExpired('w', 5000));
  t.false(leases.isSoftExpired('w', 5060));
  t.true(leases.isSoftExpired('w', 5061));
});

test('holders past the hard limit are told, longest silent first', (t) => {
  const leases = newManager();
  leases.opened('a', 0);
  leases.opened('b', 10);
  leases.opened('c', 20);
  leases.renew('a', 25);
  t.deepEqual(leases.hardExpired(1010), []);
  t.deepEqual(leases.hardExpired(1026), ['b', 'c', 'a']);
  leases.forget('b');
  t.deepEqual(leases.hardExpired(2000), ['c', 'a']);
});

test('renewals of a name without open files are not noted', (t) => {
  const leases = newManager();
  leases.renew('stranger', 0);
  t.deepEqual(leases.hardExpired(10_000), []);
});
