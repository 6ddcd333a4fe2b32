/** A bar on the terminal while files are copied. */

import { humanSize } from './format.js';
import type { Environment } from './session.js';

export interface Progress {
  /** More bytes to copy have become known. */
  expect(bytes: number): void;
  advance(bytes: number): void;
  stop(): void;
}

const SILENT: Progress = { expect() {}, advance() {}, stop() {} };

/** The bar appears on stderr, and only when that is a terminal. */
export async function startProgress(environment: Environment): Promise<Progress> {
  if (!environment.isTerminal) return SILENT;
  const { default: cliProgress } = await import('cli-progress');
  const startMs = environment.clock.monotonicMs();
  let done = 0;
  const bar = new cliProgress.SingleBar({
    format: '{bar} {percentage}% {text}',
    clearOnComplete: true,
    hideCursor: true,
    etaBuffer: 50,
    fps: 5,
  });
  bar.start(0, 0, { text: '' });
  const text = (): string => {
    const seconds = Math.max(0.001, (environment.clock.monotonicMs() - startMs) / 1000);
    return `${humanSize(done, 'B')} of ${humanSize(bar.getTotal(), 'B')}, ${humanSize(Math.round(done / seconds), 'B')}/s`;
  };
  return {
    expect: (bytes) => bar.setTotal(bar.getTotal() + bytes),
    advance(bytes) {
      done += bytes;
      bar.update(done, { text: text() });
    },
    stop: () => bar.stop(),
  };
}
