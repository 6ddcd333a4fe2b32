import test from 'ava';
import type { Channel } from '../../common/channel.js';
import { DfsError } from '../../common/errors.js';
import { WriteQueue } from '../../common/write-queue.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const bytes = (text: string): Uint8Array[] => [Buffer.from(text)];

/** What was written, a text for each write; `write` says how a write goes. */
function recorded(write: () => Promise<void> = async () => {}): { channel: Channel; writes: string[] } {
  const writes: string[] = [];
  const channel = {
    write: (buffers: readonly Uint8Array[]) => {
      writes.push(Buffer.concat(buffers).toString());
      return write();
    },
  };
  return { channel: channel as unknown as Channel, writes };
}

test('what is added in one turn of the event loop goes out in one write, in order', async (t) => {
  const { channel, writes } = recorded();
  const queue = new WriteQueue(channel, 1000, () => t.fail());
  queue.add(bytes('a'));
  // As those that are read one after the other from the same piece that was received.
  for (const text of ['b', 'c', 'd']) {
    await Promise.resolve();
    queue.add([...bytes(text), ...bytes(text)]);
  }
  await turn();
  t.deepEqual(writes, ['abbccdd']);
  queue.add(bytes('e'));
  await turn();
  t.deepEqual(writes, ['abbccdd', 'e']);
});

test('what is added while something is being sent goes out in the next write', async (t) => {
  let finish = (): void => {};
  const { channel, writes } = recorded(() => new Promise((resolve) => (finish = resolve)));
  const queue = new WriteQueue(channel, 1000, () => t.fail());
  queue.add(bytes('a'));
  await turn();
  queue.add(bytes('b'));
  await turn();
  queue.add(bytes('c'));
  await turn();
  t.deepEqual(writes, ['a']);
  finish();
  await turn();
  t.deepEqual(writes, ['a', 'bc']);
});

test('who made the queue is told when nothing can be sent any more', async (t) => {
  const failure = new DfsError('ConnectionLost', 'gone');
  const { channel } = recorded(() => Promise.reject(failure));
  const failures: unknown[] = [];
  const queue = new WriteQueue(channel, 1000, (error) => failures.push(error));
  queue.add(bytes('a'));
  await turn();
  await turn();
  t.deepEqual(failures, [failure]);
});
