/** A gRPC server with one method that does nothing, in a process of its own: what gRPC itself takes for a unary call. Prints its port. */
import { Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';

const bytes = (message: Buffer): Buffer => message;

export const EMPTY_SERVICE = {
  Call: {
    path: '/bench.Empty/Call',
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
} satisfies ServiceDefinition;

if (process.send !== undefined) {
  const server = new Server();
  const nothing = Buffer.alloc(0);
  server.addService(EMPTY_SERVICE, {
    Call: (_: unknown, answer: (error: null, response: Buffer) => void) => answer(null, nothing),
  });
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) throw error;
    process.send?.(port);
  });
  process.on('disconnect', () => process.exit());
}
