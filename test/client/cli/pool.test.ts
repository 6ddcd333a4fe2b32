import test from 'ava';
import { Pool } from '../../../client/cli/pool.js';

test('no more tasks at a time than the limit, and all of them in the end', async (t) => {
  const pool = new Pool(3);
  let [running, most, done] = [0, 0, 0];
  await pool.within(async () => {
    for (let i = 0; i < 20; i++) {
      await pool.run(async () => {
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
      await pool.run(async () => {
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
    await pool.run(async () => {
      await new Promise(setImmediate);
      ended = true;
    });
    throw new Error('schedule');
  });
  await t.throwsAsync(work, { message: 'schedule' });
  t.true(ended);
});
