/** Small parsers for the fields of requests: whatever came over the wire is what it should be, or is refused by name. */
import type { Block } from '../../common/block.js';
import { DfsError } from '../../common/errors.js';
import type { Block__Output } from '../../proto/generated/minihdfs/Block.js';
import type { ReplicaLocation__Output } from '../../proto/generated/minihdfs/ReplicaLocation.js';
import type { Target } from '../blocks.js';

const NAME_CHARACTERS_MAX = 255;
const LIST_ENTRIES_MAX = 4_096;
const MODE_MAX = 0o7777;

/** Control characters, and what separates the fields of a permission message. */
const NO_USER_NAME = /[\p{Cc}:"\p{Surrogate}]/u;
const NO_NAME = /[\p{Cc}\p{Surrogate}]/u;

function invalid(field: string, expected: string): DfsError {
  return new DfsError('InvalidArgument', `${field} must be ${expected}`);
}

/** The name of a user or a group. */
export function userName(field: string, text: string): string {
  if (text === '' || text.length > NAME_CHARACTERS_MAX || NO_USER_NAME.test(text)) {
    throw invalid(
      field,
      `a name of 1 to ${NAME_CHARACTERS_MAX} characters without colons, quotes and control characters`,
    );
  }
  return text;
}

/** Undefined when the field is empty. */
export function optionalUserName(field: string, text: string): string | undefined {
  return text === '' ? undefined : userName(field, text);
}

/** A name that a client has chosen for itself, the id of a DataNode, or the like. */
export function shortText(field: string, text: string): string {
  if (text === '') throw invalid(field, 'set');
  return optionalShortText(field, text);
}

export function optionalShortText(field: string, text: string): string {
  if (text.length > NAME_CHARACTERS_MAX || NO_NAME.test(text)) {
    throw invalid(field, `at most ${NAME_CHARACTERS_MAX} characters, without control characters`);
  }
  return text;
}

/** At least 0; protocol buffers make sure of it, callers within the process do not. */
export function count(field: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw invalid(field, 'an integer from 0 to 2^53 - 1');
  return value;
}

export function positive(field: string, value: number): number {
  if (count(field, value) === 0) throw invalid(field, 'at least 1');
  return value;
}

export function mode(field: string, value: number): number {
  if (count(field, value) > MODE_MAX) throw invalid(field, 'permission bits from 0 to 07777 (octal)');
  return value;
}

export function block(field: string, value: Block__Output | null | undefined): Block {
  if (value === null || value === undefined) throw invalid(field, 'set');
  return {
    blockId: positive(`${field}.block_id`, value.blockId),
    generationStamp: positive(`${field}.generation_stamp`, value.generationStamp),
    numBytes: count(`${field}.num_bytes`, value.numBytes),
  };
}

export function optionalBlock(field: string, value: Block__Output | null | undefined): Block | undefined {
  return value === null || value === undefined ? undefined : block(field, value);
}

export function shortTexts(field: string, values: readonly string[]): string[] {
  return list(field, values).map((value) => shortText(field, value));
}

export function targets(field: string, values: readonly ReplicaLocation__Output[]): Target[] {
  return list(field, values).map(({ datanode, storageId }) => ({
    datanodeUuid: shortText(`${field}.datanode.uuid`, datanode?.uuid ?? ''),
    storageUuid: shortText(`${field}.storage_id`, storageId),
  }));
}

/** The list itself, unless it is too long. */
export function list<T>(field: string, values: readonly T[]): readonly T[] {
  if (values.length > LIST_ENTRIES_MAX) throw invalid(field, `a list of at most ${LIST_ENTRIES_MAX} entries`);
  return values;
}
