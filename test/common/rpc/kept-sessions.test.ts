import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import test from 'ava';
import { createLogger } from '../../../common/logging.js';
import { serviceDefinition } from '../../../common/rpc/definitions.js';
import { type ConnectionOptions, connectService } from '../../../common/rpc/grpc-client.js';
import { GrpcServer } from '../../../common/rpc/grpc-server.js';
import type { SessionAnswers } from '../../../proto/generated/minihdfs/SessionAnswers.js';
import type { SessionCalls__Output } from '../../../proto/generated/minihdfs/SessionCalls.js';
import { datanodeProtocol, until } from './grpc-fixture.js';

test('services share the sessions of their server', async (t) => {
  const server = new GrpcServer({ logger: createLogger({ name: 'test', level: 'silent' }), maxMessageBytes: 1e6 });
  t.teardown(() => server.stop(0));
  server.addSessions('DatanodeProtocol', { ...datanodeProtocol, Heartbeat: async () => ({ commands: [] }) });
  server.addSessions('InterDatanodeProtocol', {
    InitReplicaRecovery: async () => ({ replica: null }),
    UpdateReplicaUnderRecovery: async () => ({ storageId: 'DS-1' }),
  });
  const address = `127.0.0.1:${await server.listen('127.0.0.1', 0)}`;
  const options: ConnectionOptions = { defaultTimeoutMs: 10_000, session: 'while-busy' };
  const datanodes = connectService('DatanodeProtocol', address, options);
  const peers = connectService('InterDatanodeProtocol', address, options);
  t.teardown(() => datanodes.close());
  t.teardown(() => peers.close());
  t.deepEqual(await datanodes.client.Heartbeat({}), { commands: [] });
  t.is((await peers.client.UpdateReplicaUnderRecovery({})).storageId, 'DS-1');
});

test('two services with a method of the same name cannot share sessions', async (t) => {
  const server = new GrpcServer({ logger: createLogger({ name: 'test', level: 'silent' }), maxMessageBytes: 1e6 });
  t.teardown(() => server.stop(0));
  server.addSessions('DatanodeProtocol', datanodeProtocol);
  t.throws(() => server.addSessions('DatanodeProtocol', datanodeProtocol), { message: /two services have a method/ });
});

test('an idle session ends, unless it is to be kept', async (t) => {
  const opened: string[] = [];
  const ended: string[] = [];
  const server = new Server();
  server.addService(serviceDefinition('Session'), {
    Open: (stream: ServerDuplexStream<SessionCalls__Output, SessionAnswers>) => {
      const name = opened.length === 0 ? 'kept' : 'while-busy';
      opened.push(name);
      stream.on('data', ({ calls }: SessionCalls__Output) =>
        stream.write({ answers: calls.map(({ id }) => ({ id, response: Buffer.alloc(0) })) }),
      );
      stream.on('end', () => {
        ended.push(name);
        stream.end();
      });
    },
  });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  t.teardown(() => server.forceShutdown());
  for (const session of ['kept', 'while-busy'] as const) {
    const connection = connectService('DatanodeProtocol', `127.0.0.1:${port}`, { defaultTimeoutMs: 10_000, session });
    t.teardown(() => connection.close());
    await connection.client.Heartbeat({});
  }
  // The kept one is the older one: would it end, too, it would be the first.
  await until(() => ended.length > 0);
  t.deepEqual({ opened, ended }, { opened: ['kept', 'while-busy'], ended: ['while-busy'] });
});
