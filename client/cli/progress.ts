/** A bar on the terminal while files are copied. */
import type { SingleBar } from 'cli-progress';
import { humanSize } from '../../common/units.js';
import type { Session } from './session.js';

export interface Progress {
  /** More bytes to copy have become known. */
  expect(bytes: number): void;
  advance(bytes: number): void;
  stop(): void;
}

const SILENT: Progress = { expect() {}, advance() {}, stop() {} };
const ERASE_LINE = '\r\x1b[K';

/** The bar appears on stderr, when that is a terminal, as soon as there are bytes to copy. */
export async function startProgress(session: Session): Promise<Progress> {
  if (!session.environment.isTerminal) return SILENT;
  const { default: cliProgress } = await import('cli-progress');
  const bar = new cliProgress.SingleBar({ format: '[{bar}] {percentage}% {text}', clearOnComplete: true, fps: 5 });
  session.beforeWarning = ERASE_LINE; // the bar is drawn anew below the line that is printed
  return new Bar(bar, session);
}

class Bar implements Progress {
  readonly #bar: SingleBar;
  readonly #session: Session;
  readonly #startMs: number;
  #total = 0;
  #done = 0;

  constructor(bar: SingleBar, session: Session) {
    this.#bar = bar;
    this.#session = session;
    this.#startMs = session.environment.clock.monotonicMs();
  }

  expect(bytes: number): void {
    if (bytes === 0) return;
    this.#total += bytes;
    if (this.#total === bytes) this.#bar.start(bytes, 0, { text: '' });
    else this.#bar.setTotal(this.#total);
  }

  advance(bytes: number): void {
    this.#done += bytes;
    const seconds = Math.max(0.001, (this.#session.environment.clock.monotonicMs() - this.#startMs) / 1000);
    const speed = humanSize(Math.round(this.#done / seconds), 'B');
    this.#bar.update(this.#done, {
      text: `${humanSize(this.#done, 'B')} of ${humanSize(this.#total, 'B')}, ${speed}/s`,
    });
  }

  stop(): void {
    this.#bar.stop();
    this.#session.beforeWarning = '';
  }
}
