/**
 * The services of proto/ as gRPC needs them: method paths with functions that turn messages into bytes and back. For servers; callers
 * have the same from call-definitions.ts in a fraction of the time.
 */
import { fileURLToPath } from 'node:url';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { withFastCodecs } from './fast-codecs.js';
import type { ServiceName } from './services.js';

const PROTO_DIRECTORY = fileURLToPath(new URL('../../proto/', import.meta.url));

/** `Session` carries calls of the other services; it has no handlers of its own. */
export type DefinedService = ServiceName | 'Session';

const PROTO_FILES: Readonly<Record<DefinedService, string>> = {
  ClientProtocol: 'client_protocol.proto',
  DatanodeProtocol: 'datanode_protocol.proto',
  InterDatanodeProtocol: 'inter_datanode_protocol.proto',
  BlockStream: 'block_stream.proto',
  Session: 'session.proto',
};

const definitions = new Map<DefinedService, ServiceDefinition>();

/** The definition of a service; its messages are those that proto/generated describes. */
export function serviceDefinition(name: DefinedService): ServiceDefinition {
  const known = definitions.get(name);
  if (known !== undefined) return known;
  // The same choices as in the script that generates the types.
  const loaded = loadSync(PROTO_FILES[name], {
    includeDirs: [PROTO_DIRECTORY],
    longs: Number,
    enums: String,
    defaults: true,
    oneofs: true,
  });
  const definition = withFastCodecs(loaded[`minihdfs.${name}`] as ServiceDefinition);
  definitions.set(name, definition);
  return definition;
}
