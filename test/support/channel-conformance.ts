/** What every implementation of Channel must do: run over each of them. */
import type { ExecutionContext, TestFn } from 'ava';
import fc from 'fast-check';
import { ByteReader } from '../../common/byte-reader.js';
import type { Channel } from '../../common/channel.js';
import type { Clock } from '../../common/clock.js';
import { FakeClock } from './fake-clock.js';
import { cut, cuts } from './scripted-channel.js';

/** Makes two connected channels that take their time from `clock`, and forgets them after the test. */
export type MakePair = (t: ExecutionContext, clock: Clock) => Promise<[Channel, Channel]>;

const MIB = 1024 * 1024;
const TIMEOUT_MS = 1000;

async function readAll(channel: Channel): Promise<Buffer> {
  const buffers: Buffer[] = [];
  for (let next = await channel.read(0); next !== null; next = await channel.read(0)) buffers.push(next);
  return Buffer.concat(buffers);
}

/** Lets the event loop run long enough for anything that can happen on this machine without the test's doing. */
async function turnEventLoop(turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}

export function testChannel(test: TestFn, makePair: MakePair): void {
  test('bytes arrive in order, in both directions at once', async (t) => {
    const [a, b] = await makePair(t, new FakeClock());
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 5000 }), cuts, async (bytes, places) => {
        const sent = Buffer.from(bytes);
        const reply = Buffer.from(sent).reverse();
        const [, , received, answered] = await Promise.all([
          a.write(cut(sent, places), TIMEOUT_MS),
          b.write(cut(reply, places), TIMEOUT_MS),
          new ByteReader(b).readBuffer(sent.length, TIMEOUT_MS),
          new ByteReader(a).readBuffer(reply.length, TIMEOUT_MS),
        ]);
        t.deepEqual(received, sent);
        t.deepEqual(answered, reply);
      }),
      { numRuns: 30 },
    );
  });

  test('several writes may be under way at once', async (t) => {
    const [a, b] = await makePair(t, new FakeClock());
    const pieces = Array.from({ length: 40 }, (_, i) => Buffer.alloc(100_000, i));
    const writes = Promise.all(pieces.map((piece) => a.write([piece], TIMEOUT_MS)));
    t.true((await new ByteReader(b).readBuffer(4_000_000, TIMEOUT_MS)).equals(Buffer.concat(pieces)));
    await writes;
  });

  test('the other side sees the end after all that was written, and can still answer', async (t) => {
    const [a, b] = await makePair(t, new FakeClock());
    await a.write([Buffer.from('question')], TIMEOUT_MS);
    a.end();
    t.is((await readAll(b)).toString(), 'question');
    t.is(await b.read(TIMEOUT_MS), null, 'the end stays the end');
    await b.write([Buffer.from('answer')], TIMEOUT_MS);
    b.end();
    t.is((await readAll(a)).toString(), 'answer');
  });

  test('a writer waits while the other side does not read, and goes on when it does', async (t) => {
    const [a, b] = await makePair(t, new FakeClock());
    const bytes = Buffer.alloc(64 * MIB, 'x');
    let written = false;
    const write = a.write([bytes], TIMEOUT_MS).then(() => {
      written = true;
    });
    await turnEventLoop(200);
    t.false(written);
    a.end();
    t.is((await readAll(b)).length, bytes.length);
    await write;
  });

  test('a read that brings nothing in time rejects, and the next one works', async (t) => {
    const clock = new FakeClock();
    const [a, b] = await makePair(t, clock);
    for (let i = 0; i < 2; i++) {
      const read = t.throwsAsync(b.read(TIMEOUT_MS), { name: 'Timeout', message: new RegExp(`^${b.peer} `) });
      await clock.advance(TIMEOUT_MS);
      await read;
    }
    await a.write([Buffer.from('late')], TIMEOUT_MS);
    t.is((await b.read(TIMEOUT_MS))?.toString(), 'late');
  });

  test('the time-out of a read begins with the read', async (t) => {
    const clock = new FakeClock();
    const [a, b] = await makePair(t, clock);
    await a.write([Buffer.from('1')], TIMEOUT_MS);
    await b.read(TIMEOUT_MS);
    await clock.advance(TIMEOUT_MS - 1);
    const second = b.read(TIMEOUT_MS);
    await clock.advance(TIMEOUT_MS - 1);
    await a.write([Buffer.from('2')], TIMEOUT_MS);
    t.is((await second)?.toString(), '2');
  });

  test('a read without a time-out waits for ever', async (t) => {
    const clock = new FakeClock();
    const [a, b] = await makePair(t, clock);
    const read = b.read(0);
    await clock.advance(1_000_000_000);
    await a.write([Buffer.from('x')], 0);
    t.is((await read)?.toString(), 'x');
  });

  test('a write that the other side does not take in time rejects', async (t) => {
    const clock = new FakeClock();
    const [a, b] = await makePair(t, clock);
    const write = t.throwsAsync(a.write([Buffer.alloc(64 * MIB)], TIMEOUT_MS), {
      name: 'Timeout',
      message: new RegExp(`^${a.peer} took nothing for 1000 ms`),
    });
    await clock.advance(TIMEOUT_MS);
    await write;
    b.destroy();
  });

  test('destroy rejects what waits on this side, and all that comes after', async (t) => {
    const [a] = await makePair(t, new FakeClock());
    const waiting = [a.read(TIMEOUT_MS), a.write([Buffer.alloc(64 * MIB)], TIMEOUT_MS)];
    a.destroy();
    a.destroy();
    for (const promise of [...waiting, a.read(TIMEOUT_MS), a.write([Buffer.from('x')], TIMEOUT_MS)]) {
      await t.throwsAsync<Error>(promise as Promise<unknown>, { name: 'ConnectionLost' });
    }
  });

  test('after destroy, the other side reads what had left, and then the end', async (t) => {
    const [a, b] = await makePair(t, new FakeClock());
    await a.write([Buffer.from('last words')], TIMEOUT_MS);
    a.destroy();
    t.is((await readAll(b)).toString(), 'last words');
  });

  test('after destroy, what the other side writes is rejected in the end', async (t) => {
    const [a, b] = await makePair(t, new FakeClock());
    const waiting = b.write([Buffer.alloc(64 * MIB)], TIMEOUT_MS);
    a.destroy();
    await t.throwsAsync(waiting, { name: 'ConnectionLost' });
    await t.throwsAsync(b.write([Buffer.from('x')], TIMEOUT_MS), { name: 'ConnectionLost' });
  });

  test('a closed channel leaves no timer behind', async (t) => {
    const clock = new FakeClock();
    const [a, b] = await makePair(t, clock);
    const timersBefore = clock.pendingTimers;
    const read = b.read(TIMEOUT_MS);
    await a.write([Buffer.from('x')], TIMEOUT_MS);
    await read;
    const blocked = a.write([Buffer.alloc(64 * MIB)], TIMEOUT_MS);
    t.true(clock.pendingTimers > timersBefore);
    a.destroy();
    b.destroy();
    await t.throwsAsync(blocked);
    t.is(clock.pendingTimers, 0);
  });

  test('two reads at once are a mistake of the caller', async (t) => {
    const [a, b] = await makePair(t, new FakeClock());
    const first = b.read(TIMEOUT_MS);
    await t.throwsAsync(async () => b.read(TIMEOUT_MS), { message: /while a read was under way/ });
    await a.write([Buffer.from('x')], TIMEOUT_MS);
    t.is((await first)?.toString(), 'x');
  });
}
