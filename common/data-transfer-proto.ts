/** The messages of proto/data_transfer.proto. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { CHECKSUM_TYPE_NUMBERS, type ChecksumSpec, checksumSpec } from './checksum.js';
import { DfsError, isDfsError, messageOf } from './errors.js';
import { MessageFields } from './message-fields.js';

const PROTO_FILE = join('proto', 'data_transfer.proto');

let root: protobuf.Root | undefined;

/** Read when it is first needed: a command that moves no data is to start quickly. */
function protoRoot(): protobuf.Root {
  if (root === undefined) {
    root = protobuf.parse(readFileSync(findUpwards(PROTO_FILE), 'utf8')).root;
    root.resolveAll(); // without this, protobufjs does not know which fields are required
  }
  return root;
}

/** The sources are one level below the project's directory, the compiled files two. */
function findUpwards(relativePath: string): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let directory = start; ; directory = dirname(directory)) {
    const path = join(directory, relativePath);
    if (existsSync(path)) return path;
    if (directory === dirname(directory))
      throw new Error(`${relativePath} is in none of the directories above ${start}`);
  }
}

/** One type of message, to and from its bytes. */
export class MessageCodec {
  readonly #name: string;
  #type: protobuf.Type | undefined;

  /** `name`: as it stands in the proto file. */
  constructor(name: string) {
    this.#name = name;
  }

  /**
   * The message after its length as a varint: how all messages of the data plane but packet headers are framed. Fields have the
   * names of the proto file, enums their numbers.
   */
  encodeDelimited(message: object): Buffer {
    return this.#loaded().encodeDelimited(message).finish() as Buffer;
  }

  /**
   * A message without its length, as `peer` sent it.
   * @throws DfsError `ProtocolViolation` when `bytes` are no such message.
   */
  decode(bytes: Uint8Array, peer: string): MessageFields {
    const type = this.#loaded();
    try {
      const values = type.toObject(type.decode(bytes), {
        longs: Number,
        enums: Number,
        bytes: Buffer,
        defaults: true,
      });
      return new MessageFields(values, `${peer} sent an invalid ${this.#name}`);
    } catch (error) {
      throw new DfsError('ProtocolViolation', `${peer} sent a damaged ${this.#name}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  #loaded(): protobuf.Type {
    this.#type ??= protoRoot().lookupType(`hadoop.hdfs.${this.#name}`);
    return this.#type;
  }
}

/** The ChecksumProto in the field `name`. */
export function readChecksum(fields: MessageFields, name: string): ChecksumSpec {
  const checksum = fields.message(name);
  return toChecksumSpec(fields, name, checksum.integer('type'), checksum.integer('bytesPerChecksum'));
}

/** @throws DfsError `ProtocolViolation`, for the field `name`, when type or chunk size are refused. */
export function toChecksumSpec(
  fields: MessageFields,
  name: string,
  type: number,
  bytesPerChecksum: number,
): ChecksumSpec {
  try {
    return checksumSpec(type, bytesPerChecksum);
  } catch (error) {
    if (isDfsError(error, 'ProtocolViolation')) throw fields.refuse(name, `is refused: ${error.message}`);
    throw error;
  }
}

export function checksumMessage(spec: ChecksumSpec): object {
  return { type: CHECKSUM_TYPE_NUMBERS[spec.type], bytesPerChecksum: spec.bytesPerChecksum };
}
