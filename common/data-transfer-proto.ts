/** The messages of proto/data_transfer.proto, read from that file once, when this module is loaded. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { z } from 'zod';
import { CHECKSUM_TYPE_NUMBERS, type ChecksumSpec, checksumSpec } from './checksum.js';
import { DfsError, messageOf } from './errors.js';

const PROTO_FILE = join('proto', 'data_transfer.proto');

const root = protobuf.parse(readFileSync(findUpwards(PROTO_FILE), 'utf8')).root.resolveAll();

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

export type MessageType = protobuf.Type;

export function messageType(name: string): MessageType {
  return root.lookupType(`hadoop.hdfs.${name}`);
}

/** The message after its length as a varint: how all messages of the data plane but packet headers are framed. */
export function encodeDelimited(type: MessageType, message: object): Buffer {
  return type.encodeDelimited(message).finish() as Buffer;
}

/**
 * The message in `bytes`, checked by `schema`, which sees integers as numbers (not necessarily safe ones), enums as their
 * numbers, bytes as Buffers, and for what was not set its default, or null where it is a message.
 * @throws DfsError `ProtocolViolation` when `bytes` are no such message, or one that the schema refuses.
 */
export function decodeMessage<Schema extends z.ZodType>(
  type: MessageType,
  schema: Schema,
  bytes: Uint8Array,
  peer: string,
): z.output<Schema> {
  const parsed = schema.safeParse(toPlainObject(type, bytes, peer));
  if (parsed.success) return parsed.data;
  const complaints = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new DfsError('ProtocolViolation', `${peer} sent an invalid ${type.name}: ${complaints.join('; ')}`);
}

function toPlainObject(type: MessageType, bytes: Uint8Array, peer: string): unknown {
  try {
    return type.toObject(type.decode(bytes), { longs: Number, enums: Number, bytes: Buffer, defaults: true });
  } catch (error) {
    throw new DfsError('ProtocolViolation', `${peer} sent a damaged ${type.name}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** ChecksumProto. */
export const checksumSchema = z
  .object({ type: z.int(), bytesPerChecksum: z.int() })
  .transform(({ type, bytesPerChecksum }, context) => toChecksumSpec(type, bytesPerChecksum, context));

/** For transforms: a type or chunk size that is refused becomes an issue of the schema. */
export function toChecksumSpec(type: number, bytesPerChecksum: number, context: z.RefinementCtx): ChecksumSpec {
  try {
    return checksumSpec(type, bytesPerChecksum);
  } catch (error) {
    context.addIssue({ code: 'custom', message: messageOf(error) });
    return z.NEVER;
  }
}

export function checksumMessage(spec: ChecksumSpec): object {
  return { type: CHECKSUM_TYPE_NUMBERS[spec.type], bytesPerChecksum: spec.bytesPerChecksum };
}
