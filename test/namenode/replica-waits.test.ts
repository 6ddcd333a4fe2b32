import test from 'ava';
import { ReplicaWaits } from '../../namenode/replica-waits.js';
import { FakeClock } from '../support/fake-clock.js';

interface Setting {
  readonly clock: FakeClock;
  readonly waits: ReplicaWaits;
  /** Of block 1; `done` names those that have been told. */
  readonly wait: (name: string, needed: number, signal?: AbortSignal) => void;
  readonly done: string[];
  readonly settled: () => Promise<void>;
  replicas: number;
}

function setUp(): Setting {
  const clock = new FakeClock();
  const waits = new ReplicaWaits(clock);
  const done: string[] = [];
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const setting: Setting = {
    clock,
    waits,
    done,
    settled,
    replicas: 0,
    wait: (name, needed, signal) => {
      void waits.until(1, () => setting.replicas >= needed, signal).then(() => done.push(name));
    },
  };
  return setting;
}

test('who waits is told with the report that is enough', async (t) => {
  const setting = setUp();
  const { waits, wait, done, settled } = setting;
  wait('one', 1);
  wait('two', 2);
  waits.reported(2);
  waits.reported(1);
  await settled();
  t.deepEqual(done, []);
  setting.replicas = 1;
  waits.reported(1);
  await settled();
  t.deepEqual(done, ['one']);
  setting.replicas = 2;
  waits.reported(1);
  await settled();
  t.deepEqual(done, ['one', 'two']);
  t.is(waits.size, 0);
});

test('nobody waits for what is there already', async (t) => {
  const setting = setUp();
  setting.replicas = 1;
  setting.wait('one', 1);
  t.is(setting.waits.size, 0);
  await setting.settled();
  t.deepEqual(setting.done, ['one']);
});

test('a report that does not come is not waited for longer than half a second', async (t) => {
  const { clock, waits, wait, done, settled } = setUp();
  wait('one', 1);
  await clock.advance(499);
  t.deepEqual(done, []);
  await clock.advance(1);
  await settled();
  t.deepEqual(done, ['one']);
  t.is(waits.size, 0);
});

test('a caller that has gone does not wait', async (t) => {
  const { waits, wait, done, settled } = setUp();
  const gone = new AbortController();
  wait('one', 1, gone.signal);
  t.is(waits.size, 1);
  gone.abort();
  wait('two', 1, gone.signal);
  await settled();
  t.deepEqual(done.sort(), ['one', 'two']);
  t.is(waits.size, 0);
});

test('so many wait, and no more', async (t) => {
  const { clock, waits, wait, done, settled } = setUp();
  for (let i = 0; i < 10_001; i++) wait(`${i}`, 1);
  t.is(waits.size, 10_000);
  await settled();
  t.deepEqual(done, ['10000']);
  await clock.advance(500);
  await settled();
  t.is(waits.size, 0);
});
