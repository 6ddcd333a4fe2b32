import { createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import type { Channel, Listener } from '../../common/channel.js';
import { type Clock, systemClock } from '../../common/clock.js';
import { createTcpNetwork, tcpNetwork } from '../../common/tcp-channel.js';
import { testChannel } from '../support/channel-conformance.js';

const HOST = '127.0.0.1';

async function tcpPair(t: ExecutionContext, clock: Clock): Promise<[Channel, Channel]> {
  const { connected, accepted } = await connectedPair(t, clock);
  return [connected, accepted];
}

async function connectedPair(
  t: ExecutionContext,
  clock: Clock,
): Promise<{ connected: Channel; accepted: Channel; listener: Listener }> {
  const network = createTcpNetwork(clock);
  let onAccepted: (channel: Channel) => void = () => {};
  const accepting = new Promise<Channel>((resolve) => {
    onAccepted = resolve;
  });
  const listener = await network.listen(HOST, 0, onAccepted);
  const connected = await network.connect(HOST, listener.port, { timeoutMs: 10_000 });
  const accepted = await accepting;
  t.teardown(async () => {
    connected.destroy();
    accepted.destroy();
    await listener.close();
  });
  return { connected, accepted, listener };
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const listener = await tcpNetwork.listen(HOST, 0, () => {});
  await listener.close();
  return listener.port;
}

testChannel(test, tcpPair);

test('the accepted side is as good as the connecting one', async (t) => {
  const [connected, accepted] = await tcpPair(t, systemClock);
  t.regex(connected.peer, /^127\.0\.0\.1:\d+$/);
  t.regex(accepted.peer, /^127\.0\.0\.1:\d+$/);
  t.not(connected.peer, accepted.peer);
});

test('a refused connection names the host, the port and the reason', async (t) => {
  const port = await freePort();
  await t.throwsAsync(tcpNetwork.connect(HOST, port, { timeoutMs: 10_000 }), {
    name: 'ConnectionLost',
    message: `cannot connect to 127.0.0.1:${port}: connection refused; is it running?`,
  });
});

test('a host that does not exist is named', async (t) => {
  await t.throwsAsync(tcpNetwork.connect('no-such-host.invalid', 9866, { timeoutMs: 10_000 }), {
    name: 'ConnectionLost',
    message: /^cannot connect to no-such-host\.invalid:9866: /,
  });
});

test('a connection that is not made in time is given up', async (t) => {
  const impatient: Clock = {
    ...systemClock,
    after(_delayMs, callback) {
      queueMicrotask(callback);
      return { cancel: () => {} };
    },
  };
  const listener = await tcpNetwork.listen(HOST, 0, (channel) => channel.destroy());
  t.teardown(() => listener.close());
  await t.throwsAsync(createTcpNetwork(impatient).connect(HOST, listener.port, { timeoutMs: 5 }), {
    name: 'Timeout',
    message: `cannot connect to 127.0.0.1:${listener.port}: no answer within 5 ms`,
  });
});

test('connecting can be cancelled, before and meanwhile', async (t) => {
  const listener = await tcpNetwork.listen(HOST, 0, (channel) => channel.destroy());
  t.teardown(() => listener.close());
  const controller = new AbortController();
  const options = { timeoutMs: 10_000, signal: controller.signal };
  const meanwhile = tcpNetwork.connect(HOST, listener.port, options);
  controller.abort();
  await t.throwsAsync(meanwhile, { name: 'Cancelled' });
  await t.throwsAsync(tcpNetwork.connect(HOST, listener.port, options), { name: 'Cancelled' });
});

test('a port in use is named', async (t) => {
  const listener = await tcpNetwork.listen(HOST, 0, () => {});
  t.teardown(() => listener.close());
  await t.throwsAsync(
    tcpNetwork.listen(HOST, listener.port, () => {}),
    {
      name: 'PortInUse',
      message: new RegExp(`^port ${listener.port} on 127\\.0\\.0\\.1 is in use`),
    },
  );
});

test('an address that is not of this machine is named', async (t) => {
  await t.throwsAsync(
    tcpNetwork.listen('192.0.2.1', 9866, () => {}),
    {
      name: 'InvalidConfiguration',
      message: /^cannot listen on 192\.0\.2\.1:9866: /,
    },
  );
});

test('a closed listener frees its port at once, and its channels stay', async (t) => {
  const { connected, accepted, listener } = await connectedPair(t, systemClock);
  await listener.close();
  const again = await tcpNetwork.listen(HOST, listener.port, () => {});
  await again.close();
  await connected.write([Buffer.from('still here')], 10_000);
  t.is((await accepted.read(10_000))?.toString(), 'still here');
});

test('a peer that resets the connection is a lost connection, with its name', async (t) => {
  const server = createServer((socket) => socket.once('data', () => socket.resetAndDestroy())).listen(0, HOST);
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const channel = await tcpNetwork.connect(HOST, port, { timeoutMs: 10_000 });
  t.teardown(() => channel.destroy());
  await channel.write([Buffer.from('x')], 10_000);
  await t.throwsAsync(channel.read(10_000), {
    name: 'ConnectionLost',
    message: new RegExp(`^the connection to 127\\.0\\.0\\.1:${port} broke: .*ECONNRESET`),
  });
  await t.throwsAsync(channel.write([Buffer.from('x')], 10_000), { name: 'ConnectionLost' });
});
