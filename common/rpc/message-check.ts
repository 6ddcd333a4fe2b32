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

/** Where in `message` the first number stands that is not a safe integer; undefined when there is none. */
export function findUnsafeNumber(message: unknown): string | undefined {
  if (typeof message === 'number') return Number.isSafeInteger(message) ? undefined : '';
  if (typeof message !== 'object' || message === null || message instanceof Uint8Array) return undefined;
  if (Array.isArray(message)) return findInArray(message);
  const fields = message as Record<string, unknown>;
  for (const field in fields) {
    const found = findUnsafeNumber(fields[field]);
    if (found !== undefined) return joinPath(field, found);
  }
  return undefined;
}

/** Apart, because a block report has arrays of many thousands. */
function findInArray(items: readonly unknown[]): string | undefined {
  for (let i = 0; i < items.length; i++) {
    const found = findUnsafeNumber(items[i]);
    if (found !== undefined) return joinPath(String(i), found);
  }
  return undefined;
}

function joinPath(first: string, rest: string): string {
  return rest === '' ? first : `${first}.${rest}`;
}

/** Serializers and deserializers that look at each number themselves. */
const selfChecking = new WeakSet<object>();

/** `codec` throws when there is a number that is no safe integer, so that nobody has to look for one in all of a large message. */
export function checksNumbers<Codec extends object>(codec: Codec): Codec {
  selfChecking.add(codec);
  return codec;
}

/** A deserializer that never throws. */
export function checkedDeserializer<Message>(
  deserialize: (bytes: Buffer) => Message,
): (bytes: Buffer) => Message | MalformedMessage {
  const looksItself = selfChecking.has(deserialize);
  return (bytes) => {
    try {
      const message = deserialize(bytes);
      const unsafe = looksItself ? undefined : findUnsafeNumber(message);
      return unsafe === undefined ? message : new MalformedMessage(`${unsafe} is not an integer below 2^53`);
    } catch (error) {
      return new MalformedMessage(error instanceof Error ? error.message : String(error));
    }
  };
}

/** A serializer that refuses what the other side would refuse. */
export function checkedSerializer<Message>(serialize: (message: Message) => Buffer): (message: Message) => Buffer {
  if (selfChecking.has(serialize)) return serialize;
  return (message) => {
    const unsafe = findUnsafeNumber(message);
    if (unsafe !== undefined) throw new TypeError(`${unsafe} is not an integer below 2^53`);
    return serialize(message);
  };
}
