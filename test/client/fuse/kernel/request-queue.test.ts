import { Worker } from 'node:worker_threads';
import test from 'ava';
import { RequestQueue } from '../../../../client/fuse/kernel/request-queue.js';

test('requests are taken in the order in which they were put', (t) => {
  const queue = RequestQueue.withSlots(4);
  t.is(queue.slots, 4);
  t.is(queue.take(), undefined);
  t.is(queue.put(queue.waitForSlot(), 100), 'wake');
  t.is(queue.waitForSlot(), 1);
  t.is(queue.put(1, 101), 'is awake');
  t.deepEqual(queue.take(), { slot: 0, bytes: 100 });
  t.is(queue.waitForSlot(), 2, 'the first one is still in use');
  t.is(queue.put(2, 102), 'is awake');
  t.deepEqual(queue.take(), { slot: 1, bytes: 101 });
  t.deepEqual(queue.take(), { slot: 2, bytes: 102 });
  t.is(queue.take(), undefined);
  queue.release(0);
  t.is(queue.waitForSlot(), 0);
  t.is(queue.put(0, 103), 'wake', 'the event loop has found nothing since');
  t.deepEqual(queue.take(), { slot: 0, bytes: 103 });
});

/** Puts its numbers into the queue, and tells only when it is to. */
const READER = `
const { parentPort, workerData } = require('node:worker_threads');
(async () => {
  const { tsImport } = await import(workerData.tsx);
  const { RequestQueue } = await tsImport(workerData.module, workerData.module);
  const queue = new RequestQueue(workerData.shared);
  for (let i = 0; i < workerData.count; i++) {
    const slot = queue.waitForSlot();
    if (queue.put(slot, i) === 'wake') parentPort.postMessage(0);
  }
})();
`;

test('none is lost or taken twice between two threads, with slots that run out', async (t) => {
  const count = 20_000;
  const queue = RequestQueue.withSlots(3);
  const module = new URL('../../../../client/fuse/kernel/request-queue.ts', import.meta.url).href;
  const tsx = import.meta.resolve('tsx/esm/api');
  const worker = new Worker(READER, { eval: true, workerData: { module, tsx, shared: queue.shared, count } });
  const taken: number[] = [];
  await new Promise<void>((resolve, reject) => {
    worker.once('error', reject);
    worker.on('message', () => {
      for (let next = queue.take(); next !== undefined; next = queue.take()) {
        const { slot, bytes } = next;
        taken.push(bytes);
        // Some are given back at once, others only after a turn.
        if (bytes % 3 === 0) setImmediate(() => queue.release(slot));
        else queue.release(slot);
      }
      if (taken.length >= count) resolve();
    });
  });
  await worker.terminate();
  t.deepEqual(
    taken,
    Array.from({ length: count }, (_, i) => i),
  );
});
