/** Starts simulations of the planted sources, in processes of their own: a bug may do anything, also go round in circles for ever. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Outcome } from './trial.js';

/** Of real time: a seed takes a second on a machine that has nothing else to do. */
const SEED_LIMIT_MS = 600_000;
const HEAP_MIB = 2_048;

/**
 * The outcome of each seed from `first` to before `end`, in order. A seed that the process does not come to the end of, because it goes on for ever
 * or falls over, counts as found.
 */
export async function* outcomes(directory: string, first: number, end: number): AsyncGenerator<Outcome> {
  for (let next = first; next < end; next++) {
    const child = start(directory, next, end);
    try {
      for await (const outcome of linesOf(child)) {
        yield outcome;
        next = outcome.seed + 1;
      }
    } finally {
      child.kill();
    }
    if (next < end) yield { seed: next, foundBy: 'end of the run', violation: whyItEnded(child) };
  }
}

function start(directory: string, first: number, end: number): ChildProcess {
  const node = [`--max-old-space-size=${HEAP_MIB}`, '--import=tsx', 'test/mutants/trial.ts'];
  return spawn(process.execPath, [...node, String(first), String(end)], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

async function* linesOf(child: ChildProcess): AsyncGenerator<Outcome> {
  if (child.stdout === null) throw new Error('the output of a trial cannot be read');
  const limit = setTimeout(() => child.kill('SIGKILL'), SEED_LIMIT_MS);
  try {
    for await (const line of createInterface(child.stdout)) {
      limit.refresh();
      yield JSON.parse(line) as Outcome;
    }
  } finally {
    clearTimeout(limit);
  }
}

function whyItEnded({ exitCode, signalCode }: ChildProcess): string {
  return signalCode === 'SIGKILL' ? `no end after ${SEED_LIMIT_MS / 1000} s` : `the process exited with ${exitCode}`;
}
