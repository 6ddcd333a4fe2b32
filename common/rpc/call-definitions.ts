/**
 * The services of proto/ for those who call them. Loading .proto files takes proto-loader longer than all else that a short command does: it parses them,
 * and makes descriptors for reflection, which a caller does not need. Here the messages come from what the build has parsed, and a message's functions are
 * made when it is first sent or received. The bytes are those of definitions.ts (test/common/rpc/call-definitions.test.ts).
 */
import { readFileSync } from 'node:fs';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import type { IMethod, INamespace, IService, IType, Namespace, Type } from 'protobufjs';
import protobuf from 'protobufjs/light.js';
import type { DefinedService } from './definitions.js';
import { withFastCodecs } from './fast-codecs.js';

const MESSAGES = new URL('../../proto/generated/messages.json', import.meta.url);
const PACKAGE = 'minihdfs';

/** The choices of definitions.ts. */
const CONVERSIONS = { longs: Number, enums: String, defaults: true, oneofs: true } as const;

type Described = Readonly<Record<string, IService | IType>>;

let described: Described | undefined;
let types: LazyTypes | undefined;
const definitions = new Map<DefinedService, ServiceDefinition>();

export function callDefinition(name: DefinedService): ServiceDefinition {
  const known = definitions.get(name);
  if (known !== undefined) return known;
  described ??= readMessages();
  types ??= new LazyTypes(described);
  const { methods } = described[name] as IService;
  const entries = Object.entries(methods).map(([method, parts]) => [
    method,
    methodDefinition(`/${PACKAGE}.${name}/${method}`, parts, types as LazyTypes),
  ]);
  const definition = withFastCodecs(Object.fromEntries(entries) as ServiceDefinition);
  definitions.set(name, definition);
  return definition;
}

function readMessages(): Described {
  const root = JSON.parse(readFileSync(MESSAGES, 'utf8')) as { nested: Record<string, INamespace> };
  return root.nested[PACKAGE]?.nested as Described;
}

function methodDefinition(
  path: string,
  { requestType, responseType, requestStream = false, responseStream = false }: IMethod,
  all: LazyTypes,
): MethodDefinition<object, object> {
  return {
    path,
    requestStream,
    responseStream,
    requestSerialize: (message) => all.encode(requestType, message),
    requestDeserialize: (bytes) => all.decode(requestType, bytes),
    responseSerialize: (message) => all.encode(responseType, message),
    responseDeserialize: (bytes) => all.decode(responseType, bytes),
  };
}

/** Messages, each made with those it consists of when it is first asked for. */
class LazyTypes {
  readonly #described: Described;
  readonly #root = new protobuf.Root();
  readonly #namespace: Namespace = this.#root.define(PACKAGE);
  readonly #made = new Map<string, Type>();

  constructor(messages: Described) {
    this.#described = messages;
  }

  encode(name: string, message: object): Buffer {
    const type = this.#type(name);
    return type.encode(type.fromObject(message)).finish() as Buffer;
  }

  decode(name: string, bytes: Buffer): object {
    const type = this.#type(name);
    return type.toObject(type.decode(bytes), CONVERSIONS);
  }

  #type(name: string): Type {
    let type = this.#made.get(name);
    if (type === undefined) {
      this.#add(name);
      this.#root.resolveAll();
      type = this.#namespace.lookupType(name);
      this.#made.set(name, type);
    }
    return type;
  }

  /** A scalar is not described, and stays out. */
  #add(name: string): void {
    const description = this.#described[name];
    if (description === undefined || this.#namespace.get(name) !== null) return;
    this.#namespace.addJSON({ [name]: description });
    if ('fields' in description) for (const { type } of Object.values(description.fields)) this.#add(type);
  }
}
