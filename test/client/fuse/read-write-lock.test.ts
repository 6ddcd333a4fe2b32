import test from 'ava';
import { ReadWriteLock } from '../../../client/fuse/read-write-lock.js';

/** Work that goes on until it is told to end. */
function work(log: string[], name: string) {
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const run = async (): Promise<void> => {
    log.push(`+${name}`);
    await ended;
    log.push(`-${name}`);
  };
  return { run, end };
}

test('readers share, a writer is alone, and nobody overtakes a writer that waits', async (t) => {
  const lock = new ReadWriteLock();
  const log: string[] = [];
  const [a, b, c, d] = [work(log, 'a'), work(log, 'b'), work(log, 'c'), work(log, 'd')];
  const all = [lock.read(a.run), lock.read(b.run), lock.write(c.run), lock.read(d.run)];
  for (const one of [b, a, c, d]) {
    one.end();
    await all[[a, b, c, d].indexOf(one)];
  }
  t.deepEqual(log, ['+a', '+b', '-b', '-a', '+c', '-c', '+d', '-d']);
});

test('work that fails lets the next one in', async (t) => {
  const lock = new ReadWriteLock();
  await t.throwsAsync(
    lock.write(() => Promise.reject(new Error('no'))),
    { message: 'no' },
  );
  t.is(await lock.read(async () => 1), 1);
  t.is(await lock.write(async () => 2), 2);
});
