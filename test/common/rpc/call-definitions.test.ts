import type { MethodDefinition } from '@grpc/grpc-js';
import test from 'ava';
import type { Field, Type } from 'protobufjs';
import protobuf from 'protobufjs';
import { callDefinition } from '../../../common/rpc/call-definitions.js';
import { type DefinedService, serviceDefinition } from '../../../common/rpc/definitions.js';

type AnyMethod = MethodDefinition<object, object>;

const SERVICES: Record<DefinedService, string> = {
  ClientProtocol: 'client_protocol.proto',
  DatanodeProtocol: 'datanode_protocol.proto',
  InterDatanodeProtocol: 'inter_datanode_protocol.proto',
  BlockStream: 'block_stream.proto',
  Session: 'session.proto',
};

function rootOf(file: string): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_, name) => new URL(`../../../proto/${name}`, import.meta.url).pathname;
  return root.loadSync(file).resolveAll() as protobuf.Root;
}

/** A message with something in every field; of each oneof, in one of them. */
function sample(type: Type, depth = 0): Record<string, unknown> {
  const first = type.fieldsArray.filter(({ partOf }) => partOf === null || depth % 2 === 0);
  const fields = first.filter((field) => field.partOf === null || field.partOf.fieldsArray.at(depth % 3) === field);
  return Object.fromEntries(
    fields.map((field) => [field.name, field.repeated ? [anyValueOf(field, depth)] : anyValueOf(field, depth)]),
  );
}

function anyValueOf(field: Field, depth: number): unknown {
  field.resolve();
  if (field.resolvedType instanceof protobuf.Type) return depth > 4 ? {} : sample(field.resolvedType, depth + 1);
  if (field.resolvedType instanceof protobuf.Enum) return Object.keys(field.resolvedType.values).at(-1);
  if (field.type === 'string') return `text of ${field.name}`;
  if (field.type === 'bytes') return Buffer.from([1, 2, 3]);
  return field.type === 'bool' ? true : 2 ** 31 - field.id;
}

for (const service of Object.keys(SERVICES) as DefinedService[]) {
  test(`${service}: callers have the methods and the bytes of servers`, (t) => {
    const [calls, served] = [callDefinition(service), serviceDefinition(service)];
    t.deepEqual(Object.keys(calls), Object.keys(served));
    const root = rootOf(SERVICES[service]);
    for (const [name, method] of Object.entries(root.lookupService(`minihdfs.${service}`).methods)) {
      const [one, other] = [calls[name] as AnyMethod, served[name] as AnyMethod];
      t.like(one, { path: other.path, requestStream: other.requestStream, responseStream: other.responseStream });
      const request = sample(root.lookupType(`minihdfs.${method.requestType}`));
      const response = sample(root.lookupType(`minihdfs.${method.responseType}`));
      const requestBytes = other.requestSerialize(request);
      const responseBytes = other.responseSerialize(response);
      t.deepEqual(one.requestSerialize(request), requestBytes, name);
      t.deepEqual(one.responseSerialize(response), responseBytes, name);
      t.deepEqual(one.requestDeserialize(requestBytes), other.requestDeserialize(requestBytes), name);
      t.deepEqual(one.responseDeserialize(responseBytes), other.responseDeserialize(responseBytes), name);
      t.deepEqual(one.responseDeserialize(Buffer.alloc(0)), other.responseDeserialize(Buffer.alloc(0)), name);
    }
  });
}
