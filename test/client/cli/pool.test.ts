import test from 'ava';
import { Pool } from '../../../client/cli/pool.js';

test('no more tasks at a time than the limit, and all of them in the end', async (t) => {
  const pool = new Pool(3);
  let [running, most, done] = [0, 0, 0];
  await pool.within(async () => {
    for (let i = 0; i < 20; i++) {
      await pool.run(String(i), async () => {
        most = Math.max(most, ++running);
        await new Promise(setImmediate);
        running--;
        done++;
      });
    }
  });
  t.is(done, 20);
  t.is(most, 3);
});

test('a task that fails ends the work, when the others have ended', async (t) => {
  const pool = new Pool(2);
  let [started, ended] = [0, 0];
  const work = pool.within(async () => {
    for (let i = 0; i < 10; i++) {
      await pool.run(String(i), async () => {
        started++;
        await new Promise(setImmediate);
        ended++;
        if (i === 0) throw new Error('first');
      });
    }
  });
  await t.throwsAsync(work, { message: 'first' });
  t.is(started, ended);
  t.true(started < 10);
});

test('an error of the one who gives out the tasks waits for them, too', async (t) => {
  const pool = new Pool(2);
  let ended = false;
  const work = pool.within(async () => {
    await pool.run('only', async () => {
      await new Promise(setImmediate);
      ended = true;
    });
    throw new Error('schedule');
  });
  await t.throwsAsync(work, { message: 'schedule' });
  t.true(ended);
});

test('tasks of the same name run one after the other', async (t) => {
  const pool = new Pool(4);
  const events: string[] = [];
  await pool.within(async () => {
    for (const name of ['a', 'a', 'b']) {
      await pool.run(name, async () => {
        events.push(`+${name}`);
        await new Promise(setImmediate);
        events.push(`-${name}`);
      });
    }
    await pool.settled('b');
    events.push('b is settled');
  });
  t.deepEqual(events, ['+a', '-a', '+a', '+b', '-a', '-b', 'b is settled']);
});
