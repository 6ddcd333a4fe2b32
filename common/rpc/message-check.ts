/**
 * What no message may hold, on any service: numbers that do not survive as JavaScript numbers. Protocol buffers have 64-bit
 * integers; ids, offsets and lengths above 2^53 - 1 would be rounded in silence.
 */

/** Stands in the place of a request or response that could not be read, so that the adapter can answer with a proper error. */
export class MalformedMessage {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/** Path of the first number in `message` that is not a safe integer; undefined when there is none. */
export function findUnsafeNumber(message: unknown): string | undefined {
  if (typeof message === 'number') return Number.isSafeInteger(message) ? undefined : '';
  if (typeof message !== 'object' || message === null || message instanceof Uint8Array) return undefined;
  for (const [field, value] of Object.entries(message)) {
    const found = findUnsafeNumber(value);
    if (found !== undefined) return found === '' ? field : `${field}.${found}`;
  }
  return undefined;
}

/** A deserializer that never throws. */
export function checkedDeserializer<Message>(
  deserialize: (bytes: Buffer) => Message,
): (bytes: Buffer) => Message | MalformedMessage {
  return (bytes) => {
    try {
      const message = deserialize(bytes);
      const unsafe = findUnsafeNumber(message);
      return unsafe === undefined ? message : new MalformedMessage(`${unsafe} is not an integer below 2^53`);
    } catch (error) {
      return new MalformedMessage(error instanceof Error ? error.message : String(error));
    }
  };
}

/** A serializer that refuses what the other side would refuse. */
export function checkedSerializer<Message>(serialize: (message: Message) => Buffer): (message: Message) => Buffer {
  return (message) => {
    const unsafe = findUnsafeNumber(message);
    if (unsafe !== undefined) throw new TypeError(`${unsafe} is not an integer below 2^53`);
    return serialize(message);
  };
}
