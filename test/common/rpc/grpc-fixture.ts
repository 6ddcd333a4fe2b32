/** A gRPC server with handlers of a test, clients of it, and ways to wait. */
import type { ExecutionContext } from 'ava';
import { DfsError } from '../../../common/errors.js';
import { createLogger } from '../../../common/logging.js';
import { connectService } from '../../../common/rpc/grpc-client.js';
import { GrpcServer } from '../../../common/rpc/grpc-server.js';
import type {
  BlockStreamClient,
  BlockStreamHandlers,
  DatanodeProtocolClient,
  DatanodeProtocolHandlers,
} from '../../../common/rpc/services.js';

const unexpected = async (): Promise<never> => {
  throw new DfsError('Unsupported', 'not part of this test');
};

export const datanodeProtocol: DatanodeProtocolHandlers = {
  Register: unexpected,
  Heartbeat: unexpected,
  BlockReport: unexpected,
  BlockReceivedAndDeleted: unexpected,
  ReportBadReplicas: unexpected,
  CommitBlockSynchronization: unexpected,
  ErrorReport: unexpected,
};

const blockStream: BlockStreamHandlers = {
  WriteBlock: unexpected,
  async *ReadBlock() {
    yield* [];
    await unexpected();
  },
};

export interface Fixture {
  readonly port: number;
  readonly address: string;
  readonly log: string[];
  readonly server: GrpcServer;
}

export async function serve(
  t: ExecutionContext,
  handlers: { datanode?: Partial<DatanodeProtocolHandlers>; blocks?: Partial<BlockStreamHandlers> },
  maxMessageBytes = 64 * 1024 ** 2,
): Promise<Fixture> {
  const log: string[] = [];
  const logger = createLogger({ name: 'test', destination: { write: (line) => log.push(line) } });
  const server = new GrpcServer({ logger, maxMessageBytes });
  server.addService('DatanodeProtocol', { ...datanodeProtocol, ...handlers.datanode });
  server.addSessions('DatanodeProtocol', { ...datanodeProtocol, ...handlers.datanode });
  server.addService('BlockStream', { ...blockStream, ...handlers.blocks });
  const port = await server.listen('127.0.0.1', 0);
  t.teardown(() => server.stop(0));
  return { port, address: `127.0.0.1:${port}`, log, server };
}

export function datanodeClient(t: ExecutionContext, address: string): DatanodeProtocolClient {
  const connection = connectService('DatanodeProtocol', address, { defaultTimeoutMs: 10_000 });
  t.teardown(() => connection.close());
  return connection.client;
}

/** The same over a session. */
export function sessionClient(t: ExecutionContext, address: string, maxMessageBytes?: number): DatanodeProtocolClient {
  const limits = maxMessageBytes === undefined ? {} : { maxMessageBytes };
  const connection = connectService('DatanodeProtocol', address, {
    defaultTimeoutMs: 10_000,
    session: 'while-busy',
    ...limits,
  });
  t.teardown(() => connection.close());
  return connection.client;
}

export function blockClient(t: ExecutionContext, address: string): BlockStreamClient {
  const connection = connectService('BlockStream', address, { defaultTimeoutMs: 10_000 });
  t.teardown(() => connection.close());
  return connection.client;
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

export async function untilResolves(attempt: () => Promise<unknown>): Promise<void> {
  for (;;) {
    const done = await attempt().then(
      () => true,
      () => false,
    );
    if (done) return;
  }
}
