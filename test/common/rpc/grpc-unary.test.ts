import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import test from 'ava';
import { DfsError } from '../../../common/errors.js';
import { createLogger } from '../../../common/logging.js';
import { connectService } from '../../../common/rpc/grpc-client.js';
import { GrpcServer } from '../../../common/rpc/grpc-server.js';
import type { DatanodeProtocolHandlers } from '../../../common/rpc/services.js';

import { datanodeClient, datanodeProtocol, serve, until, untilResolves } from './grpc-fixture.js';

test('a unary call hands over request and answer, with defaults filled in', async (t) => {
  const { address } = await serve(t, {
    datanode: {
      Heartbeat: async (request, context) => {
        t.is(request.datanodeUuid, 'dn-1');
        t.is(request.registrationId, '');
        t.is(request.storages[0]?.capacityBytes, Number.MAX_SAFE_INTEGER);
        t.true(Buffer.isBuffer(request.storages[0]?.digest));
        t.is(context.peerHost, '127.0.0.1');
        return { commands: [{ invalidate: { blocks: [{ blockId: 2 ** 40, generationStamp: 1001, numBytes: 0 }] } }] };
      },
    },
  });
  const answer = await datanodeClient(t, address).Heartbeat({
    datanodeUuid: 'dn-1',
    storages: [{ storageId: 's', capacityBytes: Number.MAX_SAFE_INTEGER }],
  });
  t.is(answer.commands[0]?.command, 'invalidate');
  t.is(answer.commands[0]?.invalidate?.blocks[0]?.blockId, 2 ** 40);
});

test('a DfsError arrives with its name and message', async (t) => {
  const { address } = await serve(t, {
    datanode: {
      Heartbeat: async () => {
        throw new DfsError('NoTargets', 'No room for /päth\n 100% of the nodes are full');
      },
    },
  });
  await t.throwsAsync(datanodeClient(t, address).Heartbeat({}), {
    instanceOf: DfsError,
    name: 'NoTargets',
    message: 'No room for /päth\n 100% of the nodes are full',
  });
});

test('an unforeseen throw shows nothing of our insides, and is logged with its stack', async (t) => {
  const { address, log } = await serve(t, {
    datanode: {
      Heartbeat: async () => {
        throw new Error('secret detail');
      },
    },
  });
  const error = await t.throwsAsync(datanodeClient(t, address).Heartbeat({}), { name: 'Internal' });
  t.notRegex(error.message, /secret/);
  t.regex(log.join(''), /secret detail.*grpc-unary/);
});

test('half of a surrogate pair or a very long text in an error does not end the server', async (t) => {
  const messages = ['bad name \ud800', 'x'.repeat(1_000_000), `${'é'.repeat(8191)}\u{1f600}`];
  const { address } = await serve(t, {
    datanode: {
      Heartbeat: async () => {
        throw new DfsError('InvalidPath', messages.shift() ?? 'none');
      },
    },
  });
  const client = datanodeClient(t, address);
  await t.throwsAsync(client.Heartbeat({}), { name: 'InvalidPath', message: 'bad name \ufffd' });
  await t.throwsAsync(client.Heartbeat({}), { name: 'InvalidPath', message: /^x{8191}…$/ });
  await t.throwsAsync(client.Heartbeat({}), { name: 'InvalidPath', message: /^é{8191}/ });
});

test('integers that JavaScript would round are refused on both sides', async (t) => {
  const { address } = await serve(t, { datanode: { Heartbeat: async () => ({ commands: [] }) } });
  await t.throwsAsync(datanodeClient(t, address).Heartbeat({ storages: [{ capacityBytes: 2 ** 53 }] }), {
    name: 'Internal',
    message: /storages\.0\.capacityBytes/,
  });
});

test('a message above the limit gets a clear error, and the connection lives on', async (t) => {
  const { address } = await serve(t, { datanode: { ErrorReport: async () => ({}) } }, 1024 ** 2);
  const client = datanodeClient(t, address);
  await t.throwsAsync(client.ErrorReport({ message: 'x'.repeat(2 * 1024 ** 2) }), {
    name: 'MessageTooLarge',
    message: /ErrorReport.*NameNode at 127/,
  });
  t.deepEqual(await client.ErrorReport({ message: 'small' }), {});
});

test('an answer above the limit gets a clear error', async (t) => {
  const { address } = await serve(
    t,
    { datanode: { Register: async () => ({ clusterId: 'x'.repeat(200_000) }) } },
    100_000,
  );
  await t.throwsAsync(datanodeClient(t, address).Register({}), { name: 'MessageTooLarge' });
});

test('a call without an answer ends at its deadline, and the handler learns of it', async (t) => {
  let aborted: (() => void) | undefined;
  const handlerAborted = new Promise<void>((resolve) => {
    aborted = resolve;
  });
  const { address } = await serve(t, {
    datanode: {
      Register: async () => ({}),
      Heartbeat: (_request, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted?.();
            reject(signal.reason);
          });
        }),
    },
  });
  const client = datanodeClient(t, address);
  await client.Register({}); // so that the deadline does not pass while the connection is made
  await t.throwsAsync(client.Heartbeat({}, { timeoutMs: 500 }), {
    name: 'Timeout',
    message: `The NameNode at ${address} did not answer Heartbeat within 500 ms.`,
  });
  await handlerAborted;
  t.pass();
});

test('aborting a call cancels it on the server too', async (t) => {
  const controller = new AbortController();
  let reason: unknown;
  const { address } = await serve(t, {
    datanode: {
      Heartbeat: (_request, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            reason = signal.reason;
            resolve({ commands: [] });
          });
          controller.abort();
        }),
    },
  });
  const client = datanodeClient(t, address);
  await t.throwsAsync(client.Heartbeat({}, { signal: controller.signal }), { name: 'Cancelled' });
  await t.throwsAsync(client.Heartbeat({}, { signal: controller.signal }), { name: 'Cancelled' });
  await until(() => reason !== undefined);
  t.true(reason instanceof DfsError);
});

test('a signal does not abort after the call was answered', async (t) => {
  const signals: AbortSignal[] = [];
  const { address } = await serve(t, {
    datanode: {
      Heartbeat: async (_request, { signal }) => {
        signals.push(signal);
        return { commands: [] };
      },
    },
  });
  const client = datanodeClient(t, address);
  await client.Heartbeat({});
  await client.Heartbeat({});
  t.deepEqual(
    signals.map(({ aborted }) => aborted),
    [false, false],
  );
});

test('an unreachable server is named, with what went wrong', async (t) => {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await t.throwsAsync(datanodeClient(t, `127.0.0.1:${port}`).Heartbeat({}), {
    name: 'ConnectionLost',
    message: `Cannot reach the NameNode at 127.0.0.1:${port}: connection refused. Is it running, and is this its address?`,
  });
  await t.throwsAsync(datanodeClient(t, 'no-such-host.invalid:8020').Heartbeat({}), {
    name: 'ConnectionLost',
    message: /no-such-host\.invalid:8020: unknown host\. Is the host name right\?/,
  });
});

test('a client finds a server again that was restarted on its port', async (t) => {
  const handlers: Partial<DatanodeProtocolHandlers> = { Heartbeat: async () => ({ commands: [] }) };
  const first = await serve(t, { datanode: handlers });
  const client = datanodeClient(t, first.address);
  await client.Heartbeat({});
  await first.server.stop(0);
  await t.throwsAsync(client.Heartbeat({}), { name: 'ConnectionLost' });

  const second = new GrpcServer({
    logger: createLogger({ name: 'test', level: 'silent' }),
    maxMessageBytes: 1024 ** 2,
  });
  second.addService('DatanodeProtocol', { ...datanodeProtocol, ...handlers });
  await second.listen('127.0.0.1', first.port);
  t.teardown(() => second.stop(0));
  await untilResolves(() => client.Heartbeat({}));
  t.pass();
});

test('a port in use is named', async (t) => {
  const { port } = await serve(t, {});
  const second = new GrpcServer({
    logger: createLogger({ name: 'test', level: 'silent' }),
    maxMessageBytes: 1024 ** 2,
  });
  await t.throwsAsync(second.listen('127.0.0.1', port), {
    name: 'PortInUse',
    message: `Port ${port} on 127.0.0.1 is in use by another program. Stop that program, or choose another port.`,
  });
  await second.stop(0);
});

test('garbage sent to the port does not disturb other callers', async (t) => {
  const { address, port } = await serve(t, { datanode: { Heartbeat: async () => ({ commands: [] }) } });
  const garbage = [
    Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    Buffer.alloc(100_000, 0xff),
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff', 'latin1'),
    Buffer.from([0, 28, 80, 1, 2, 3]),
  ];
  await Promise.all(
    garbage.map(async (bytes) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.end(bytes);
      socket.resume();
      await once(socket, 'close');
    }),
  );
  t.deepEqual(await datanodeClient(t, address).Heartbeat({}), { commands: [] });
});

test('connections above the limit are closed, and there is room again when one ends', async (t) => {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const server = new GrpcServer({ logger, maxMessageBytes: 1024 ** 2, maxConnections: 1 });
  server.addService('DatanodeProtocol', { ...datanodeProtocol, Heartbeat: async () => ({ commands: [] }) });
  const address = `127.0.0.1:${await server.listen('127.0.0.1', 0)}`;
  t.teardown(() => server.stop(0));
  const first = connectService('DatanodeProtocol', address, { defaultTimeoutMs: 10_000 });
  await first.client.Heartbeat({});
  const second = datanodeClient(t, address);
  await t.throwsAsync(second.Heartbeat({}), { name: 'ConnectionLost' });
  first.close();
  await untilResolves(() => second.Heartbeat({}));
});

test('a request that is no message of the service is refused', async (t) => {
  const { address } = await serve(t, { datanode: { Heartbeat: async () => ({ commands: [] }) } });
  const raw = new Client(address, credentials.createInsecure());
  t.teardown(() => raw.close());
  const bytes = (buffer: Buffer) => buffer;
  const answer = await new Promise<ServiceError | null>((resolve) => {
    raw.makeUnaryRequest('/minihdfs.DatanodeProtocol/Heartbeat', bytes, bytes, Buffer.from([0x0a, 0xff]), resolve);
  });
  t.is(answer?.code, status.INVALID_ARGUMENT);
  t.deepEqual(answer?.metadata.get('dfs-error'), ['ProtocolViolation']);
  t.regex(answer?.details ?? '', /cannot be read: index out of range/);
});

test('stop lets running calls finish', async (t) => {
  let finish: (() => void) | undefined;
  const { address, server } = await serve(t, {
    datanode: {
      Heartbeat: () =>
        new Promise((resolve) => {
          finish = () => resolve({ commands: [] });
        }),
    },
  });
  const answer = datanodeClient(t, address).Heartbeat({});
  await until(() => finish !== undefined);
  const stopped = server.stop(60_000);
  finish?.();
  t.deepEqual(await answer, { commands: [] });
  await stopped;
});
