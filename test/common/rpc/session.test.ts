import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import test from 'ava';
import { DfsError } from '../../../common/errors.js';
import { createLogger } from '../../../common/logging.js';
import { serviceDefinition } from '../../../common/rpc/definitions.js';
import { connectService } from '../../../common/rpc/grpc-client.js';
import { GrpcServer } from '../../../common/rpc/grpc-server.js';
import type { CallContext } from '../../../common/rpc/service.js';
import { SESSION_CALLS_MAX } from '../../../common/rpc/session-limits.js';
import type { SessionAnswers__Output } from '../../../proto/generated/minihdfs/SessionAnswers.js';
import type { SessionCalls } from '../../../proto/generated/minihdfs/SessionCalls.js';
import { datanodeProtocol, serve, sessionClient, until, untilResolves } from './grpc-fixture.js';

const invalidate = (blockId: number) => ({ invalidate: { blocks: [{ blockId, generationStamp: 1, numBytes: 0 }] } });
const never = new Promise<never>(() => {});

/** A session without our client. */
function rawSession(address: string) {
  const client = new Client(address, credentials.createInsecure());
  const { Open } = serviceDefinition('Session');
  if (Open === undefined) throw new Error('there is no Session');
  const stream = client.makeBidiStreamRequest<SessionCalls, SessionAnswers__Output>(
    Open.path,
    Open.requestSerialize,
    Open.responseDeserialize,
  );
  const answers: SessionAnswers__Output['answers'] = [];
  stream.on('data', (frame: SessionAnswers__Output) => answers.push(...frame.answers));
  stream.on('error', (error: ServiceError) => errors.push(error));
  const errors: ServiceError[] = [];
  return { client, stream, answers, errors };
}

test('each call of a session gets its own answer, whatever the order', async (t) => {
  const held: (() => void)[] = [];
  const { address } = await serve(t, {
    datanode: {
      Heartbeat: async ({ datanodeUuid }, { peerHost }) => {
        t.is(peerHost, '127.0.0.1');
        await new Promise<void>((resolve) => held.push(resolve));
        return { commands: [invalidate(Number(datanodeUuid))] };
      },
    },
  });
  const client = sessionClient(t, address);
  const calls = Array.from({ length: 100 }, (_, i) => client.Heartbeat({ datanodeUuid: String(i) }));
  await until(() => held.length === 100);
  for (const release of held.reverse()) release();
  const answers = await Promise.all(calls);
  t.deepEqual(
    answers.map(({ commands }) => commands[0]?.invalidate?.blocks[0]?.blockId),
    Array.from({ length: 100 }, (_, i) => i),
  );
});

test('errors arrive in a session as they do without one', async (t) => {
  const { address, log } = await serve(t, {
    datanode: {
      Heartbeat: async ({ datanodeUuid }) => {
        if (datanodeUuid === 'own') throw new DfsError('NoTargets', 'No room for /päth \ud800');
        throw new Error('secret detail');
      },
    },
  });
  const client = sessionClient(t, address);
  await t.throwsAsync(client.Heartbeat({ datanodeUuid: 'own' }), {
    instanceOf: DfsError,
    name: 'NoTargets',
    message: 'No room for /päth \ufffd',
  });
  const error = await t.throwsAsync(client.Heartbeat({}), { name: 'Internal' });
  t.notRegex(error.message, /secret/);
  t.regex(log.join(''), /secret detail/);
});

test('more calls than a session may have open wait at the client', async (t) => {
  let running = 0;
  let most = 0;
  const { address } = await serve(t, {
    datanode: {
      Heartbeat: async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        return { commands: [] };
      },
    },
  });
  const client = sessionClient(t, address);
  await Promise.all(Array.from({ length: 3 * SESSION_CALLS_MAX }, () => client.Heartbeat({})));
  t.true(most > 1 && most <= SESSION_CALLS_MAX, String(most));
});

test('a call that is late or given up fails, its handler hears of it, and the session goes on', async (t) => {
  const signals: AbortSignal[] = [];
  const { address } = await serve(t, {
    datanode: {
      Heartbeat: async ({ datanodeUuid }, context: CallContext) => {
        if (datanodeUuid === 'quick') return { commands: [] };
        signals.push(context.signal);
        return await never;
      },
    },
  });
  const client = sessionClient(t, address);
  await t.throwsAsync(client.Heartbeat({}, { timeoutMs: 20 }), {
    name: 'Timeout',
    message: `The NameNode at ${address} did not answer Heartbeat within 20 ms.`,
  });
  const aborting = new AbortController();
  const given = client.Heartbeat({}, { signal: aborting.signal });
  await until(() => signals.length === 2);
  aborting.abort();
  await t.throwsAsync(given, { name: 'Cancelled' });
  await t.throwsAsync(client.Heartbeat({}, { signal: aborting.signal }), { name: 'Cancelled' });
  await until(() => signals.every(({ aborted }) => aborted));
  t.deepEqual(await client.Heartbeat({ datanodeUuid: 'quick' }), { commands: [] });
});

test('handlers hear when the client of their session has gone', async (t) => {
  const signals: AbortSignal[] = [];
  const { address } = await serve(t, {
    datanode: {
      Heartbeat: async (_, context) => {
        signals.push(context.signal);
        return await never;
      },
    },
  });
  const connection = connectService('DatanodeProtocol', address, { defaultTimeoutMs: 10_000, session: 'while-busy' });
  const calling = connection.client.Heartbeat({});
  await until(() => signals.length === 1);
  connection.close();
  await t.throwsAsync(calling, { name: 'Cancelled' });
  await until(() => signals[0]?.aborted === true);
  t.pass();
});

test('calls that are made when a connection is being closed, or later, fail as cancelled', async (t) => {
  const { address } = await serve(t, { datanode: { Heartbeat: async () => ({ commands: [] }) } });
  const connection = connectService('DatanodeProtocol', address, { defaultTimeoutMs: 10_000, session: 'while-busy' });
  await connection.client.Heartbeat({});
  const before = connection.client.Heartbeat({});
  connection.close();
  const after = connection.client.Heartbeat({});
  await t.throwsAsync(before, { name: 'Cancelled' });
  await t.throwsAsync(after, { name: 'Cancelled' });
  await t.throwsAsync(connection.client.Heartbeat({}), { name: 'Cancelled' });
});

test('calls fail when the server ends, and go through when it is back', async (t) => {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const start = async (port: number): Promise<{ server: GrpcServer; port: number }> => {
    const server = new GrpcServer({ logger, maxMessageBytes: 1e6 });
    const handlers = {
      ...datanodeProtocol,
      Heartbeat: async ({ datanodeUuid }: { datanodeUuid: string }) => {
        if (datanodeUuid === 'hang') await never;
        return { commands: [] };
      },
    };
    server.addService('DatanodeProtocol', handlers);
    server.addSessions('DatanodeProtocol', handlers);
    return { server, port: await server.listen('127.0.0.1', port) };
  };
  const first = await start(0);
  const client = sessionClient(t, `127.0.0.1:${first.port}`);
  await client.Heartbeat({});
  const hanging = client.Heartbeat({ datanodeUuid: 'hang' });
  await client.Heartbeat({});
  await Promise.all([t.throwsAsync(hanging, { name: 'ConnectionLost' }), first.server.stop(0)]);
  await t.throwsAsync(client.Heartbeat({}), { name: 'ConnectionLost', message: /Cannot reach the NameNode at/ });
  const second = await start(first.port);
  t.teardown(() => second.server.stop(0));
  await untilResolves(() => client.Heartbeat({}));
  t.pass();
});

test('a server that stops answers what it has begun', async (t) => {
  let release = (): void => {};
  const { address, server } = await serve(t, {
    datanode: {
      Heartbeat: async () => {
        await new Promise<void>((resolve) => (release = resolve));
        return { commands: [invalidate(1)] };
      },
    },
  });
  const calling = sessionClient(t, address).Heartbeat({});
  const begun = release;
  await until(() => release !== begun);
  const stopping = server.stop(60_000);
  release();
  t.is((await calling).commands.length, 1);
  await stopping;
});

test('a message that is too large fails alone', async (t) => {
  const { address } = await serve(
    t,
    {
      datanode: {
        Heartbeat: async ({ datanodeUuid }) => ({
          commands: Array.from({ length: datanodeUuid === 'large' ? 10_000 : 0 }, () => invalidate(1)),
        }),
      },
    },
    50_000,
  );
  const client = sessionClient(t, address, 50_000);
  const [large, sent, small] = await Promise.allSettled([
    client.Heartbeat({ datanodeUuid: 'large' }),
    client.Heartbeat({ datanodeUuid: 'x'.repeat(60_000) }),
    client.Heartbeat({}),
  ]);
  for (const result of [large, sent]) {
    t.is(result.status, 'rejected');
    t.is(result.status === 'rejected' && (result.reason as DfsError).name, 'MessageTooLarge');
  }
  t.is(small.status, 'fulfilled');
});

test('numbers and bytes that cannot be read fail their call alone', async (t) => {
  const { address } = await serve(t, { datanode: { Heartbeat: async () => ({ commands: [] }) } });
  await t.throwsAsync(sessionClient(t, address).Heartbeat({ storages: [{ capacityBytes: 2 ** 53 }] }));
  const { client, stream, answers } = rawSession(address);
  stream.write({
    calls: [
      { id: 1, method: 'Heartbeat', request: Buffer.from([0xff, 0xff]) },
      { id: 2, method: 'Format', request: Buffer.alloc(0) },
      { id: 3, method: 'constructor', request: Buffer.alloc(0) },
      { id: 4, method: 'Heartbeat', request: Buffer.alloc(0) },
    ],
  });
  await until(() => answers.length === 4);
  const outcomes = Object.fromEntries(answers.map(({ id, error }) => [id, error?.name ?? 'answer']));
  t.deepEqual(outcomes, { 1: 'ProtocolViolation', 2: 'Unsupported', 3: 'Unsupported', 4: 'answer' });
  stream.end();
  client.close();
});

test('a client that sends more calls than it may, or one twice, is refused them', async (t) => {
  const { address } = await serve(t, { datanode: { Heartbeat: async () => await never } });
  const { client, stream, answers } = rawSession(address);
  const call = (id: number) => ({ id, method: 'Heartbeat', request: Buffer.alloc(0) });
  stream.write({ calls: [...Array.from({ length: SESSION_CALLS_MAX }, (_, i) => call(i + 1)), call(1), call(5000)] });
  await until(() => answers.length === 2);
  t.deepEqual(
    new Map(answers.map(({ id, error }) => [id, error?.name])),
    new Map([
      [1, 'ProtocolViolation'],
      [5000, 'Overloaded'],
    ]),
  );
  client.close();
});

test('garbage in a session ends that session and nothing else', async (t) => {
  const { address } = await serve(t, { datanode: { Heartbeat: async () => ({ commands: [] }) } });
  const client = new Client(address, credentials.createInsecure());
  const stream = client.makeBidiStreamRequest<Buffer, Buffer>(
    '/minihdfs.Session/Open',
    (x) => x,
    (x) => x,
  );
  const failed = new Promise<ServiceError>((resolve) => stream.on('error', resolve));
  stream.on('data', () => {});
  stream.write(Buffer.from([0xff, 0xff, 0xff]));
  t.not((await failed).code, status.OK);
  client.close();
  t.deepEqual(await sessionClient(t, address).Heartbeat({}), { commands: [] });
});

test('a client that does not read its answers is not read from, and nobody else waits for it', async (t) => {
  let calls = 0;
  const { address } = await serve(t, {
    datanode: {
      Heartbeat: async ({ datanodeUuid }) => {
        if (datanodeUuid === 'other') return { commands: [] };
        calls++;
        return { commands: Array.from({ length: 2_000 }, () => invalidate(1)) };
      },
    },
  });
  const { client, stream } = rawSession(address);
  stream.pause();
  const other = sessionClient(t, address);
  const SENT = 20_000;
  for (let id = 1; id <= SENT; id++) stream.write({ calls: [{ id, method: 'Heartbeat', request: Buffer.alloc(0) }] });
  // Each answer has 20 KB: when nothing is held back, all 400 MB of them are made.
  let before = -1;
  while (calls !== before) {
    before = calls;
    for (let i = 0; i < 50; i++) await other.Heartbeat({ datanodeUuid: 'other' });
  }
  t.true(calls < SENT, `${calls} of ${SENT}`);
  client.close();
});
