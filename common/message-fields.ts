/** Reads the fields of a decoded protobuf message, each with its check: what came over a wire is not believed before. */
import { DfsError } from './errors.js';

export class MessageFields {
  readonly #values: Readonly<Record<string, unknown>>;
  /** `10.0.0.7:9866 sent an invalid OpReadBlockProto`, for messages. */
  readonly #complaint: string;
  /** Where this message stands in the outermost one: `header.baseHeader.` */
  readonly #path: string;

  /** `values`: integers and enums as numbers, bytes as Buffers, messages as objects of the same kind or null when not set. */
  constructor(values: Readonly<Record<string, unknown>>, complaint: string, path = '') {
    this.#values = values;
    this.#complaint = complaint;
    this.#path = path;
  }

  /** @throws DfsError `ProtocolViolation` unless it is an integer in this range. */
  integer(name: string, min = 0, max: number = Number.MAX_SAFE_INTEGER): number {
    return this.#checkedInteger(name, this.#values[name], min, max);
  }

  integers(name: string, min = 0, max: number = Number.MAX_SAFE_INTEGER): number[] {
    return this.#list(name).map((value) => this.#checkedInteger(name, value, min, max));
  }

  /** Numbers of which `isKnown` says that they are a value of the enum. */
  enumValue<Value extends number>(name: string, isKnown: (number: number) => number is Value): Value {
    return this.#checkedEnumValue(name, this.#values[name], isKnown);
  }

  enumValues<Value extends number>(name: string, isKnown: (number: number) => number is Value): Value[] {
    return this.#list(name).map((value) => this.#checkedEnumValue(name, value, isKnown));
  }

  /** May be empty. */
  string(name: string): string {
    return this.#checkedString(name, this.#values[name]);
  }

  nonEmptyString(name: string): string {
    const value = this.string(name);
    if (value === '') throw this.refuse(name, 'is empty');
    return value;
  }

  strings(name: string): string[] {
    return this.#list(name).map((value) => this.#checkedString(name, value));
  }

  boolean(name: string): boolean {
    const value = this.#values[name];
    if (typeof value !== 'boolean') throw this.refuse(name, 'is no boolean');
    return value;
  }

  bytes(name: string): Buffer {
    const value = this.#values[name];
    if (!Buffer.isBuffer(value)) throw this.refuse(name, 'has no bytes');
    return value;
  }

  message(name: string): MessageFields {
    const message = this.optionalMessage(name);
    if (message === undefined) throw this.refuse(name, 'is missing');
    return message;
  }

  optionalMessage(name: string): MessageFields | undefined {
    const value = this.#values[name];
    return value === null || value === undefined ? undefined : this.#inner(name, value);
  }

  messages(name: string): MessageFields[] {
    return this.#list(name).map((value, index) => this.#inner(`${name}[${index}]`, value));
  }

  /** The error for a field that is not as it must be: `what` follows its name. */
  refuse(name: string, what: string): DfsError {
    return new DfsError('ProtocolViolation', `${this.#complaint}: ${this.#path}${name} ${what}`);
  }

  #inner(name: string, value: unknown): MessageFields {
    if (typeof value !== 'object' || value === null) throw this.refuse(name, 'is no message');
    return new MessageFields(value as Record<string, unknown>, this.#complaint, `${this.#path}${name}.`);
  }

  #list(name: string): unknown[] {
    const value = this.#values[name];
    if (!Array.isArray(value)) throw this.refuse(name, 'is no list');
    return value;
  }

  #checkedInteger(name: string, value: unknown, min: number, max: number): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    throw this.refuse(name, `is ${String(value)}; it must be from ${min} to ${max}`);
  }

  #checkedEnumValue<Value extends number>(
    name: string,
    value: unknown,
    isKnown: (number: number) => number is Value,
  ): Value {
    if (typeof value === 'number' && isKnown(value)) return value;
    throw this.refuse(name, `is ${String(value)}, which is not known`);
  }

  #checkedString(name: string, value: unknown): string {
    if (typeof value !== 'string') throw this.refuse(name, 'is no string');
    return value;
  }
}
