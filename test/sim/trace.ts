/**
 * The fingerprint of a run. Everything that happens in the simulation (an event that falls due, a segment or call that arrives, an
 * operation on a disk) is mixed into a rolling hash, in order: two runs with the same hash were the same run.
 */

/** Kept lines beyond this are dropped, oldest first. */
const LINES_MAX = 2_000_000;

export class Trace {
  #first = 0x811c9dc5;
  #second = 0x9747b28c;
  #count = 0;
  readonly #lines: string[] | undefined;
  readonly #now: () => number;

  /** `keepLines`: remember what was noted as text as well, to find out where two runs part. */
  constructor(now: () => number, keepLines = false) {
    this.#now = now;
    this.#lines = keepLines ? [] : undefined;
  }

  note(what: string, detail: string | number = ''): void {
    this.#count++;
    this.#mix(what);
    if (typeof detail === 'string') this.#mix(detail);
    else this.#mixNumber(detail);
    this.#mixNumber(this.#now());
    if (this.#lines === undefined) return;
    this.#lines.push(`${this.#now().toFixed(3)} ${what} ${detail}`);
    if (this.#lines.length > LINES_MAX) this.#lines.splice(0, LINES_MAX / 2);
  }

  /** Things noted so far. */
  get count(): number {
    return this.#count;
  }

  /** 16 hexadecimal digits. */
  get hash(): string {
    return [this.#first, this.#second].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  /** What was noted, if it was to be kept. */
  get lines(): readonly string[] {
    return this.#lines ?? [];
  }

  #mix(text: string): void {
    for (let i = 0; i < text.length; i++) this.#mixWord(text.charCodeAt(i));
    this.#mixWord(text.length);
  }

  #mixNumber(value: number): void {
    const whole = Math.floor(value);
    this.#mixWord(whole | 0);
    this.#mixWord(Math.floor((value - whole) * 2 ** 31));
  }

  /** FNV-1a, twice with different multipliers. */
  #mixWord(word: number): void {
    this.#first = Math.imul(this.#first ^ word, 0x01000193);
    this.#second = Math.imul((this.#second ^ word) + (this.#second >>> 15), 0x85ebca6b);
  }
}
