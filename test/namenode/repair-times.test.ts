import test from 'ava';
import { RepairTimes } from '../../namenode/repair-times.js';

test('a repair lasts from the first report until the block is whole', (t) => {
  const times = new RepairTimes();
  times.reported(7, 1000);
  times.reported(7, 5000);
  t.is(times.ended(7, 9000), 8000);
  t.is(times.underRepair, 0);
  times.reported(7, 10_000);
  t.is(times.ended(7, 10_500), 500);
});

test('all blocks under repair have their turn', (t) => {
  const times = new RepairTimes();
  for (let id = 1; id <= 5; id++) times.reported(id, id);
  t.deepEqual(times.next(3), [1, 2, 3]);
  t.deepEqual(times.next(3), [4, 5, 1]);
  times.ended(2, 10);
  t.deepEqual(times.next(10), [3, 4, 5, 1]);
});

test('a disk that is wholly rotten does not fill the memory', (t) => {
  const times = new RepairTimes();
  for (let id = 1; id <= 100_000; id++) times.reported(id, id);
  t.is(times.underRepair, 1000);
});
