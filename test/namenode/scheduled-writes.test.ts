import test from 'ava';
import { ScheduledWrites } from '../../namenode/scheduled-writes.js';

test('promised bytes are given back when a replica arrives', (t) => {
  const writes = new ScheduledWrites();
  writes.promise(100, 0);
  writes.promise(50, 0);
  t.is(writes.bytes, 150);
  writes.arrived();
  t.is(writes.bytes, 50);
  writes.arrived();
  writes.arrived();
  t.is(writes.bytes, 0);
});

test('promises that nothing came of are forgotten after ten minutes', (t) => {
  const writes = new ScheduledWrites();
  writes.promise(100, 0);
  writes.promise(50, 300_000);
  writes.expire(599_999);
  t.is(writes.bytes, 150);
  writes.expire(600_000);
  t.is(writes.bytes, 50);
});

test('memory is bounded however many promises there are', (t) => {
  const writes = new ScheduledWrites();
  for (let i = 0; i < 20_000; i++) writes.promise(1, 0);
  t.is(writes.bytes, 10_000);
});
