/** What is remembered for a while: arrivals, events, copies under way, streams. */
import test from 'ava';
import type { DatanodeDescriptor } from '../../namenode/datanode-descriptor.js';
import { PendingReconstruction } from '../../namenode/pending-reconstruction.js';
import { RecentArrivals } from '../../namenode/recent-arrivals.js';
import { RecentEvents } from '../../namenode/recent-events.js';
import { TransferSlots } from '../../namenode/transfer-slots.js';

test('an arrival is recent for the window, counted from the last one', (t) => {
  const arrivals = new RecentArrivals(3_000);
  arrivals.note(1, 0);
  arrivals.note(1, 2_000);
  t.true(arrivals.has(1, 4_999));
  t.false(arrivals.has(1, 5_000));
  t.false(arrivals.has(2, 0));
});

test('events are known for half a minute before a report begins, and all of them while it lasts', (t) => {
  const events = new RecentEvents();
  events.note(1, 0);
  events.note(2, 20_000);
  events.reportBegins(40_000);
  t.false(events.has(1));
  t.true(events.has(2));
  for (let i = 0; i < 100; i++) events.note(100 + i, 40_000 + i * 1_000);
  t.true(events.has(2));
  t.true(events.has(100));
  events.reportEnds();
  events.note(3, 200_000);
  t.false(events.has(199));
});

test('events of a report that never ends are forgotten in the end', (t) => {
  const events = new RecentEvents();
  events.reportBegins(0);
  events.note(1, 0);
  events.note(2, 700_000);
  t.false(events.has(1));
});

test('copies are pending until each target has reported', (t) => {
  const pending = new PendingReconstruction(300_000);
  pending.start(1, 'source', ['a', 'b'], 0);
  pending.received(1, 'a');
  t.true(pending.has(1));
  pending.received(1, 'b');
  t.false(pending.has(1));
  pending.received(2, 'a');
  t.is(pending.size, 0);
});

test('a failed copy is pending no more, and names its targets; another source’s failure says nothing', (t) => {
  const pending = new PendingReconstruction(300_000);
  pending.start(1, 'source', ['a', 'b'], 0);
  t.deepEqual(pending.failed(1, 'other'), []);
  t.deepEqual(pending.failed(1, 'source'), ['a', 'b']);
  t.is(pending.size, 0);
});

test('copies end with their source, and with their last target', (t) => {
  const pending = new PendingReconstruction(300_000);
  pending.start(1, 'x', ['a'], 0);
  pending.start(2, 'a', ['b'], 0);
  pending.start(3, 'y', ['a', 'b'], 0);
  pending.drop('a');
  t.deepEqual(
    [1, 2, 3].map((block) => pending.has(block)),
    [false, false, true],
  );
});

test('copies that take too long are given up', (t) => {
  const pending = new PendingReconstruction(300_000);
  pending.start(1, 'x', ['a'], 0);
  pending.start(2, 'x', ['a'], 100_000);
  t.is(pending.expire(300_000), 1);
  t.deepEqual([pending.has(1), pending.has(2)], [false, true]);
});

test('a DataNode is busy with what it reported, what was ordered since, and what waits', (t) => {
  const slots = new TransferSlots();
  const node = { uuid: 'dn' } as DatanodeDescriptor;
  const transfer = { block: { blockId: 1, generationStamp: 1, numBytes: 1 }, targets: [] };
  t.is(slots.busy(node), 0);
  slots.report(node, 2);
  slots.add(node, transfer);
  t.is(slots.busy(node), 3);
  t.deepEqual(slots.take(node), [transfer]);
  t.is(slots.busy(node), 3, 'ordered, and not yet reported as running');
  slots.report(node, 1);
  t.is(slots.busy(node), 1);
  slots.drop(node);
  t.is(slots.busy(node), 0);
});
