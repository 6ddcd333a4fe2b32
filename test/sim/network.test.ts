import test from 'ava';
import fc from 'fast-check';
import type { Channel, Network } from '../../common/channel.js';
import type { Clock } from '../../common/clock.js';
import { isDfsError } from '../../common/errors.js';
import { seededRandom } from '../../common/random.js';
import { Life } from './life.js';
import { ProcessClock } from './process-clock.js';
import { newWorld, type World } from './world.js';

interface Host {
  readonly life: Life;
  readonly clock: Clock;
  readonly network: Network;
}

function newHost(world: World, name: string): Host {
  const life = new Life(name);
  const clock = new ProcessClock(world.scheduler, life, world.fork(), { skewMs: 0, drift: 0 });
  return { life, clock, network: world.network.attach(life, name, clock) };
}

interface Pair {
  readonly world: World;
  readonly client: Host;
  readonly server: Host;
  /** Ends of one connection. */
  readonly near: Channel;
  readonly far: Channel;
}

async function connected(seed = 1): Promise<Pair> {
  const world = newWorld({ seed });
  const [client, server] = [newHost(world, 'client'), newHost(world, 'server')];
  const far = new Promise<Channel>((resolve) => void server.network.listen('', 1, resolve));
  const near = client.network.connect('server', 1, { timeoutMs: 1_000 });
  const pair = await settle(world, Promise.all([near, far]));
  return { world, client, server, near: pair[0], far: pair[1] };
}

/** Runs until `promise` is settled. */
async function settle<T>(world: World, promise: Promise<T>, endMs = Number.POSITIVE_INFINITY): Promise<T> {
  let isSettled = false;
  const done = promise.finally(() => {
    isSettled = true;
  });
  done.catch(() => {});
  if (!(await world.scheduler.run(endMs, () => isSettled))) throw new Error('it never ended');
  return await done;
}

const isNamed = (name: 'ConnectionLost' | 'Timeout') => (error: unknown) => isDfsError(error, name);

async function readAll(channel: Channel): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let piece = await channel.read(0); piece !== null; piece = await channel.read(0)) pieces.push(piece);
  return Buffer.concat(pieces);
}

test('bytes arrive complete and in order, whatever the pieces in which they were written', async (t) => {
  const sizes = fc.array(fc.integer({ min: 0, max: 50_000 }), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(sizes, fc.nat(), async (lengths, seed) => {
      const { world, near, far } = await connected(seed);
      world.links.setQuality('client', 'server', { latencyMs: 1, jitterMs: 5, bytesPerMs: 1_000, lossRate: 0.05 });
      const random = seededRandom(seed);
      const pieces = lengths.map((length) => random.bytes(length));
      const writing = (async () => {
        for (const piece of pieces) await near.write([piece], 0);
        near.end();
      })();
      const [received] = await settle(world, Promise.all([readAll(far), writing]));
      t.true(received.equals(Buffer.concat(pieces)));
    }),
    { numRuns: 30 },
  );
});

test('a reader that stops reading stops its writer, until the write gives up', async (t) => {
  const { world, near } = await connected();
  let written = 0;
  const writing = (async () => {
    for (;;) {
      await near.write([Buffer.alloc(10_000)], 5_000);
      written += 10_000;
    }
  })();
  await t.throwsAsync(settle(world, writing), { message: /took nothing for 5000 ms/ });
  t.true(written < 300_000);
});

test('a read without an answer times out', async (t) => {
  const { world, near } = await connected();
  const error = await t.throwsAsync(settle(world, near.read(2_000)));
  t.true(isNamed('Timeout')(error));
});

test('a channel that is destroyed ends its peer, which still reads what was sent', async (t) => {
  const { world, near, far } = await connected();
  await near.write([Buffer.from('last words')], 0);
  near.destroy();
  t.is((await settle(world, readAll(far))).toString(), 'last words');
  const error = await t.throwsAsync(near.read(0));
  t.true(isNamed('ConnectionLost')(error));
});

test('writing to a peer that is gone breaks the connection', async (t) => {
  const { world, near, far } = await connected();
  far.destroy();
  const writing = (async () => {
    for (;;) {
      await near.write([Buffer.alloc(1_000)], 1_000);
      await world.scheduler.sleep(1, 'pause');
    }
  })();
  t.true(isNamed('ConnectionLost')(await t.throwsAsync(settle(world, writing))));
});

test('a process that is killed takes its connections with it', async (t) => {
  const { world, near, server } = await connected();
  server.life.end();
  t.is(await settle(world, near.read(0)), null);
  t.is(world.network.openChannels(server.life), 0);
});

test('a machine without power says nothing: its peer finds out by asking', async (t) => {
  const { world, near, server } = await connected();
  world.links.setDown('server', true);
  server.life.end();
  const reading = near.read(0);
  t.false(await world.scheduler.run(20_000, () => false));
  t.true(isNamed('ConnectionLost')(await t.throwsAsync(settle(world, reading))));
  t.true(world.scheduler.nowMs > 600_000);
});

test('a machine that has come back without the connection resets it', async (t) => {
  const { world, near, server } = await connected();
  world.links.setDown('server', true);
  server.life.end();
  const reading = near.read(0);
  world.scheduler.at(10_000, 'boot', () => world.links.setDown('server', false));
  t.true(isNamed('ConnectionLost')(await t.throwsAsync(settle(world, reading, 60_000))));
});

test('a blocked link holds bytes back and lets them go when it is open again', async (t) => {
  const { world, near, far } = await connected();
  world.links.block('client', 'server');
  await near.write([Buffer.from('held back')], 0);
  const reading = far.read(0);
  world.scheduler.at(5_000, 'open', () => world.links.unblock('client', 'server'));
  t.is((await settle(world, reading))?.toString(), 'held back');
  t.true(world.scheduler.nowMs > 5_000);
});

test('a link that is blocked in one direction only still carries the other one', async (t) => {
  const { world, near, far } = await connected();
  world.links.block('client', 'server');
  await far.write([Buffer.from('hello')], 0);
  t.is((await settle(world, near.read(0), 1_000))?.toString(), 'hello');
});

test('a connection that gets nothing through for very long breaks', async (t) => {
  const { world, near } = await connected();
  world.links.block('client', 'server');
  await near.write([Buffer.from('x')], 0);
  t.true(isNamed('ConnectionLost')(await t.throwsAsync(settle(world, near.read(0)))));
});

test('nobody listening: refused; machine down or link blocked: no answer', async (t) => {
  const world = newWorld({ seed: 1 });
  const client = newHost(world, 'client');
  const connect = () => settle(world, client.network.connect('server', 1, { timeoutMs: 3_000 }));
  t.true(isNamed('ConnectionLost')(await t.throwsAsync(connect())));
  world.links.setDown('server', true);
  t.true(isNamed('Timeout')(await t.throwsAsync(connect())));
  world.links.setDown('server', false);
  world.links.block('server', 'client');
  t.true(isNamed('Timeout')(await t.throwsAsync(connect())));
});

test('a port has one listener at a time; one of a dead process does not count', async (t) => {
  const world = newWorld({ seed: 1 });
  const [first, second] = [newHost(world, 'host'), newHost(world, 'host')];
  await first.network.listen('', 7, () => {});
  await t.throwsAsync(
    second.network.listen('', 7, () => {}),
    { message: /port 7/ },
  );
  first.life.end();
  t.is((await second.network.listen('', 7, () => {})).port, 7);
});

test('a connection that is broken in the middle fails for one side at least', async (t) => {
  const { world, near, far } = await connected(3);
  world.network.breakOne();
  const outcomes = await settle(world, Promise.allSettled([near.read(1_000), far.read(1_000)]));
  t.true(outcomes.some((outcome) => outcome.status === 'rejected' && isNamed('ConnectionLost')(outcome.reason)));
});

test('a connection can be broken while data of a block is on its way between the hosts that are meant', async (t) => {
  const { world, near, far } = await connected(3);
  world.network.breakDuringNext((from) => from === 'elsewhere');
  world.network.breakDuringNext((from, to) => from === 'client' && to === 'server');
  await near.write([Buffer.alloc(100)], 1_000);
  t.is((await settle(world, far.read(1_000)))?.length, 100);
  t.is(world.faults.toObject()['network: connection broken'], undefined);
  await near.write([Buffer.alloc(1_000)], 1_000);
  const outcomes = await settle(world, Promise.allSettled([near.read(1_000), far.read(1_000)]));
  t.true(outcomes.some((outcome) => outcome.status === 'rejected' && isNamed('ConnectionLost')(outcome.reason)));
  t.is(world.faults.toObject()['network: connection broken'], 1);
});

test('an abort ends an attempt to connect', async (t) => {
  const world = newWorld({ seed: 1 });
  const client = newHost(world, 'client');
  world.links.setDown('server', true);
  const controller = new AbortController();
  const connecting = client.network.connect('server', 1, { timeoutMs: 60_000, signal: controller.signal });
  world.scheduler.at(10, 'abort', () => controller.abort());
  await t.throwsAsync(settle(world, connecting), { message: /cancelled/ });
  t.is(world.scheduler.nowMs, 10);
});
