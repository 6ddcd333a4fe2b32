/** Sizes and durations as people write them, in settings and on the command line. */

const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
  p: 1024 ** 5,
};

const DURATION_UNITS = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
} as const;

export type DurationUnit = keyof typeof DURATION_UNITS;

/**
 * Bytes of a size such as `134217728`, `64m`, `1.5g`, `512 KiB`: units are powers of 1024, as in HDFS.
 * Undefined when the text is no size or does not come to a whole number of bytes.
 */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b)?$/.exec(text.trim().toLowerCase());
  if (match === null) return undefined;
  const bytes = Number(match[1]) * (SIZE_UNITS[match[2] ?? ''] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/**
 * Milliseconds of a duration such as `30s`, `500ms`, `5m`, `1h`, `1.5d`; a number without a unit counts in `plainUnit`.
 * Undefined when the text is no duration.
 */
export function parseDurationMs(text: string, plainUnit: DurationUnit): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d)?$/.exec(text.trim().toLowerCase());
  if (match === null) return undefined;
  const unit = match[2] === 'min' ? 'm' : ((match[2] as DurationUnit | undefined) ?? plainUnit);
  const durationMs = Math.round(Number(match[1]) * DURATION_UNITS[unit]);
  return Number.isSafeInteger(durationMs) ? durationMs : undefined;
}

/** `1.5 G`, `128 M`, `17`: how HDFS's `-h` prints sizes (at most one decimal, none when it would be 0). */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = '';
  for (const next of ['K', 'M', 'G', 'T', 'P']) {
    if (Math.abs(value) < 1024) break;
    value /= 1024;
    unit = ` ${next}`;
  }
  return unit === '' ? String(bytes) : `${Number(value.toFixed(1))}${unit}`;
}

/** `500ms`, `3s`, `10.5m`, `21d`: the largest unit that gives at most one decimal. Reads back with {@link parseDurationMs}. */
export function formatDuration(durationMs: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const value = durationMs / DURATION_UNITS[unit];
    if (value >= 1 && Number.isInteger(value * 10)) return `${value}${unit}`;
  }
  return `${durationMs}ms`;
}

const SIZE_SYMBOLS = ['K', 'M', 'G', 'T', 'P', 'E'] as const;

/**
 * A number of bytes with a binary prefix, `1.5 K`; exact multiples have no decimals (`128 M`), less than 1,024 no prefix.
 * `unit` stands behind the prefix (`1.50 KB`), as HDFS's reports have it.
 */
export function humanSize(bytes: number, unit = '', decimals = 1): string {
  if (bytes < 1024) return unit === '' ? String(bytes) : `${bytes} ${unit}`;
  let exponent = Math.min(Math.floor(Math.log2(bytes) / 10), SIZE_SYMBOLS.length);
  let text = scaled(bytes, exponent, decimals);
  if (text.startsWith('1024') && exponent < SIZE_SYMBOLS.length) {
    exponent += 1; // 1,023.99 K was rounded up to 1,024 K, which is 1 M
    text = scaled(bytes, exponent, decimals);
  }
  return `${text} ${SIZE_SYMBOLS[exponent - 1]}${unit}`;
}

function scaled(bytes: number, exponent: number, decimals: number): string {
  const value = bytes / 1024 ** exponent;
  return Number.isInteger(value) ? String(value) : value.toFixed(decimals);
}
