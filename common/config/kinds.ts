/**
 * The kinds of settings: how each is read from the text a user wrote, and how its allowed values are told in a message.
 */
import type { DurationUnit } from '../units.js';
import { formatDuration, formatSize, parseDurationMs, parseSize } from '../units.js';

/** One setting. `default` is text as a user would write it, and goes through the same parser. */
export interface Property<Value> {
  readonly kind: string;
  readonly default: string;
  readonly doc: string;
  /** What is allowed, in words: "a size from 1 M to 1 G". */
  readonly allowed: string;
  /** What a value may look like, where the words do not make it plain: "64k, 128m or 1g". */
  readonly example?: string;
  /** The value of `text`; undefined when it is not allowed. */
  parse(text: string): Value | undefined;
}

interface Range {
  readonly min?: number;
  readonly max?: number;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

function inRange(value: number | undefined, { min = 0, max = Number.MAX_SAFE_INTEGER }: Range): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}

function describeRange({ min, max }: Range, format: (value: number) => string): string {
  if (min !== undefined && max !== undefined) return ` from ${format(min)} to ${format(max)}`;
  if (min !== undefined) return ` of at least ${format(min)}`;
  return max === undefined ? '' : ` of at most ${format(max)}`;
}

/** Bytes; units are powers of 1024. */
export function size(defaultText: string, doc: string, range: Range = {}): Property<number> {
  return {
    kind: 'size',
    default: defaultText,
    doc,
    allowed: `a size${describeRange(range, formatSize)}`,
    example: '64k, 128m or 1g',
    parse: (text) => inRange(parseSize(text), range),
  };
}

const UNIT_WORDS: Readonly<Record<DurationUnit, string>> = {
  ms: 'milliseconds',
  s: 'seconds',
  m: 'minutes',
  h: 'hours',
  d: 'days',
};

/** Comes out in milliseconds; a number without a unit counts in `plainUnit`, which is HDFS's unit for that setting. */
export function duration(
  plainUnit: DurationUnit,
  defaultText: string,
  doc: string,
  range: Range = {},
): Property<number> {
  return {
    kind: 'duration',
    default: defaultText,
    doc,
    allowed: `a time${describeRange(range, formatDuration)} (a plain number: ${UNIT_WORDS[plainUnit]})`,
    example: '500ms, 30s, 5m, 1h or 1d',
    parse: (text) => inRange(parseDurationMs(text, plainUnit), range),
  };
}

/** The same for what may be switched off: any negative number, as in HDFS, comes out as -1. */
export function durationOrNever(plainUnit: DurationUnit, defaultText: string, doc: string): Property<number> {
  const positive = duration(plainUnit, defaultText, doc);
  return {
    ...positive,
    allowed: `${positive.allowed}, or -1 for never`,
    parse: (text) => (/^-\d/.test(text) && positive.parse(text.slice(1)) !== undefined ? -1 : positive.parse(text)),
  };
}

export function int(defaultText: string, doc: string, range: Range = {}): Property<number> {
  return {
    kind: 'int',
    default: defaultText,
    doc,
    allowed: `a whole number${describeRange({ min: 0, ...range }, String)}`,
    parse: (text) => (/^\d{1,15}$/.test(text) ? inRange(Number(text), range) : undefined),
  };
}

export function fraction(defaultText: string, doc: string): Property<number> {
  return {
    kind: 'fraction',
    default: defaultText,
    doc,
    allowed: 'a number from 0 to 1',
    example: '0.999',
    parse: (text) => (/^\d+(\.\d+)?$/.test(text) ? inRange(Number(text), { min: 0, max: 1 }) : undefined),
  };
}

export function boolean(defaultText: 'true' | 'false', doc: string): Property<boolean> {
  return {
    kind: 'boolean',
    default: defaultText,
    doc,
    allowed: 'true or false',
    parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
  };
}

export function string(defaultText: string, doc: string): Property<string> {
  return { kind: 'string', default: defaultText, doc, allowed: 'a text', parse: (text) => text };
}

/** Where a machine stands, such as `/dc1/rack7`. */
export function rack(defaultText: string, doc: string): Property<string> {
  return {
    kind: 'rack',
    default: defaultText,
    doc,
    allowed: 'a path of letters, digits, "_", ".", ":" and "-" that begins with a slash',
    example: '/rack7 or /dc1/rack7',
    parse: (text) => (text.length <= 255 && /^(\/[A-Za-z0-9_.:-]+)+$/.test(text) ? text : undefined),
  };
}

/** Permission bits in octal. */
export function mode(defaultText: string, doc: string): Property<number> {
  return {
    kind: 'mode',
    default: defaultText,
    doc,
    allowed: 'permission bits in octal',
    example: '022',
    parse: (text) => (/^0?[0-7]{1,3}$/.test(text) ? Number.parseInt(text, 8) : undefined),
  };
}

export function choice<const Choice extends string>(
  choices: readonly Choice[],
  defaultText: Choice,
  doc: string,
): Property<Choice> {
  return {
    kind: 'choice',
    default: defaultText,
    doc,
    allowed: `one of ${choices.join(', ')}`,
    parse: (text) => choices.find((name) => name === text),
  };
}

/** Texts separated by commas; spaces around them do not count. Empty text: an empty list. */
export function list(defaultText: string, doc: string): Property<readonly string[]> {
  return { kind: 'list', default: defaultText, doc, allowed: 'texts separated by commas', parse: splitList };
}

function splitList(text: string): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** A file or directory name; a relative one counts from the directory that the process runs in. */
export function path(defaultText: string, doc: string): Property<string> {
  return { kind: 'path', default: defaultText, doc, allowed: 'a path', parse: (text) => validPath(text) };
}

export function pathList(defaultText: string, doc: string): Property<readonly string[]> {
  return {
    kind: 'path list',
    default: defaultText,
    doc,
    allowed: 'one or more paths separated by commas',
    parse(text) {
      const paths = splitList(text);
      return paths.length > 0 && paths.every((item) => validPath(item) !== undefined) ? paths : undefined;
    },
  };
}

function validPath(text: string): string | undefined {
  return text === '' || text.includes('\0') ? undefined : text;
}

export function hostPort(defaultText: string, doc: string): Property<HostPort> {
  return {
    kind: 'host:port',
    default: defaultText,
    doc,
    allowed: 'a host and a port',
    example: '127.0.0.1:8020 or [::1]:8020',
    parse: parseHostPort,
  };
}

/** `host:port` or `[v6-address]:port`; undefined when the text is neither. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_.-]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
