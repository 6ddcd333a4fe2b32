import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { DfsError } from '../../../common/errors.js';
import { createLogger } from '../../../common/logging.js';
import { connectService } from '../../../common/rpc/grpc-client.js';
import { GrpcServer } from '../../../common/rpc/grpc-server.js';
import type { BlockStreamHandlers, DatanodeProtocolHandlers } from '../../../common/rpc/services.js';

const unexpected = async (): Promise<never> => {
  throw new DfsError('Unsupported', 'not part of this test');
};

const datanodeProtocol: DatanodeProtocolHandlers = {
  Register: unexpected,
  Heartbeat: unexpected,
  BlockReport: unexpected,
  BlockReceivedAndDeleted: unexpected,
  ReportBadReplicas: unexpected,
  ErrorReport: unexpected,
};

const blockStream: BlockStreamHandlers = {
  WriteBlock: unexpected,
  async *ReadBlock() {
    yield* [];
    await unexpected();
  },
};

interface Fixture {
  readonly port: number;
  readonly address: string;
  readonly log: string[];
  readonly server: GrpcServer;
}

async function serve(
  t: ExecutionContext,
  handlers: { datanode?: Partial<DatanodeProtocolHandlers>; blocks?: Partial<BlockStreamHandlers> },
  maxMessageBytes = 64 * 1024 ** 2,
): Promise<Fixture> {
  const log: string[] = [];
  const logger = createLogger({ name: 'test', destination: { write: (line) => log.push(line) } });
  const server = new GrpcServer({ logger, maxMessageBytes });
  server.addService('DatanodeProtocol', { ...datanodeProtocol, ...handlers.datanode });
  server.addService('BlockStream', { ...blockStream, ...handlers.blocks });
  const port = await server.listen('127.0.0.1', 0);
  t.teardown(() => server.stop(0));
  return { port, address: `127.0.0.1:${port}`, log, server };
}

function datanodeClient(t: ExecutionContext, address: string, maxMessageBytes?: number) {
  const options = { defaultTimeoutMs: 10_000, ...(maxMessageBytes === undefined ? {} : { maxMessageBytes }) };
  const connection = connectService('DatanodeProtocol', address, options);
  t.teardown(() => connection.close());
  return connection.client;
}

function blockClient(t: ExecutionContext, address: string) {
  const connection = connectService('BlockStream', address, { defaultTimeoutMs: 10_000 });
  t.teardown(() => connection.close());
  return connection.client;
}

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
  t.regex(log.join(''), /secret detail.*grpc\.test/);
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

test('a stream of answers arrives whole; an error after some of them too', async (t) => {
  const { address } = await serve(t, {
    blocks: {
      async *ReadBlock({ length }) {
        for (let i = 0; i < 5; i++) yield { data: Buffer.alloc(1000, i) };
        if (length === 1) throw new DfsError('Corrupt', 'chunk 5 is bad');
      },
    },
  });
  const client = blockClient(t, address);
  const received: number[] = [];
  for await (const { data } of client.ReadBlock({})) received.push(data[0] ?? -1);
  t.deepEqual(received, [0, 1, 2, 3, 4]);

  received.length = 0;
  await t.throwsAsync(
    async () => {
      for await (const { data } of client.ReadBlock({ length: 1 })) received.push(data[0] ?? -1);
    },
    { name: 'Corrupt', message: 'chunk 5 is bad' },
  );
  t.deepEqual(received, [0, 1, 2, 3, 4]);
});

test('a reader that stops early ends the stream on the server', async (t) => {
  let ended = false;
  const { address } = await serve(t, {
    blocks: {
      async *ReadBlock() {
        try {
          for (;;) yield { data: Buffer.alloc(64 * 1024) };
        } finally {
          ended = true;
        }
      },
    },
  });
  for await (const _ of blockClient(t, address).ReadBlock({})) break;
  await until(() => ended);
  t.true(ended);
});

test('a slow reader slows the server down', async (t) => {
  let produced = 0;
  const { address } = await serve(t, {
    blocks: {
      async *ReadBlock() {
        for (; produced < 1000; produced++) yield { data: Buffer.alloc(256 * 1024) };
      },
    },
  });
  let consumed = 0;
  for await (const _ of blockClient(t, address).ReadBlock({})) {
    consumed++;
    await new Promise((resolve) => setImmediate(resolve));
    if (consumed === 1) {
      // Nothing more is asked for until the server has come to a stand.
      for (let before = -1; before !== produced; ) {
        before = produced;
        for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
      }
      t.true(produced < 100, `${produced} messages were made for a reader that took one`);
    }
  }
  t.is(consumed, 1000);
});

test('a stream of requests arrives whole and gets one answer', async (t) => {
  const { address } = await serve(t, {
    blocks: {
      async WriteBlock(requests) {
        let bytes = 0;
        for await (const { data } of requests) bytes += data?.length ?? 0;
        return { block: { blockId: 1, generationStamp: 2, numBytes: bytes } };
      },
    },
  });
  async function* source() {
    yield { header: { clientName: 'c' } };
    for (let i = 0; i < 50; i++) yield { data: Buffer.alloc(100_000) };
  }
  const { block } = await blockClient(t, address).WriteBlock(source());
  t.is(block?.numBytes, 5_000_000);
});

test('an upload that the server refuses early rejects with its error', async (t) => {
  const { address } = await serve(t, {
    blocks: {
      async WriteBlock(requests) {
        for await (const _ of requests) throw new DfsError('PipelineFailed', 'dn-2 is gone');
        return {};
      },
    },
  });
  let released = false;
  async function* endless() {
    try {
      for (;;) yield { data: Buffer.alloc(100_000) };
    } finally {
      released = true;
    }
  }
  await t.throwsAsync(blockClient(t, address).WriteBlock(endless()), {
    name: 'PipelineFailed',
    message: 'dn-2 is gone',
  });
  await until(() => released);
});

test('an error of the source of an upload cancels it and reaches the caller', async (t) => {
  let begun = false;
  let serverSaw: unknown;
  const { address } = await serve(t, {
    blocks: {
      async WriteBlock(requests) {
        try {
          for await (const _ of requests) begun = true;
        } catch (error) {
          serverSaw = error;
        }
        return {};
      },
    },
  });
  async function* failing() {
    yield { data: Buffer.alloc(10) };
    await until(() => begun);
    throw new Error('cannot read the local file');
  }
  await t.throwsAsync(blockClient(t, address).WriteBlock(failing()), { message: 'cannot read the local file' });
  await until(() => serverSaw !== undefined);
  t.true(serverSaw instanceof DfsError && serverSaw.name === 'Cancelled');
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

async function untilResolves(attempt: () => Promise<unknown>): Promise<void> {
  for (;;) {
    const done = await attempt().then(
      () => true,
      () => false,
    );
    if (done) return;
  }
}
