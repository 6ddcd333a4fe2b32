/** One measurement in a client process: an operation on many files, a number of them under way, until all are done or the time is up. */
import { randomFillSync } from 'node:crypto';
import type { Target } from './target.js';

export interface Job {
  readonly operation: Operation;
  /** Of the files; each client has files of its own below it. */
  readonly directory: string;
  readonly count: number;
  readonly concurrency: number;
  /** Of each file that is written or read, or of the one file that parts are read of. */
  readonly bytes: number;
  /** No operation begins later than this after the first one. */
  readonly limitMs: number;
}

export interface JobResult {
  /** Milliseconds since the epoch, with fractions. */
  readonly startMs: number;
  readonly endMs: number;
  readonly latenciesMs: readonly number[];
}

export type Operation = keyof ReturnType<typeof operations>;

export const RANDOM_READ_BYTES = 4096;
/** Entries of the directory that `list` lists. */
export const LISTED_ENTRIES = 1000;
/** The large file that `randomRead` and `firstByte` read. */
export const LARGE_FILE = 'large';

type Step = (index: number) => Promise<unknown>;

interface Steps {
  readonly each: Step;
  readonly end?: () => Promise<void>;
}

function operations(target: Target, { directory, bytes }: Job) {
  const file = (i: number): string => `${directory}/f${i}`;
  const renamed = (i: number): string => `${directory}/r${i}`;
  const each = (step: Step) => async (): Promise<Steps> => ({ each: step });
  return {
    makeDirectory: each(() => target.makeDirectory(directory)),
    create: each((i) => target.create(file(i))),
    stat: each((i) => target.stat(file(i))),
    open: each((i) => target.open(file(i))),
    list: each(async () => {
      const entries = await target.list(directory);
      if (entries !== LISTED_ENTRIES) throw new Error(`${directory} has ${entries} entries, not ${LISTED_ENTRIES}`);
    }),
    rename: each((i) => target.rename(file(i), renamed(i))),
    remove: each((i) => target.remove(file(i))),
    removeRenamed: each((i) => target.remove(renamed(i))),
    async write(): Promise<Steps> {
      const data = randomFillSync(Buffer.allocUnsafe(bytes));
      return { each: (i) => target.write(file(i), data) };
    },
    read: each(async (i) => {
      const { length } = await target.read(file(i), bytes);
      if (length !== bytes) throw new Error(`${file(i)}: ${length} bytes of ${bytes} were read`);
    }),
    async randomRead(): Promise<Steps> {
      const reader = await target.openRandom(LARGE_FILE);
      const parts = bytes / RANDOM_READ_BYTES;
      const position = (): number => Math.floor(Math.random() * parts) * RANDOM_READ_BYTES;
      return { each: () => reader.read(position(), RANDOM_READ_BYTES), end: () => reader.close() };
    },
    firstByte: each(async () => {
      const reader = await target.openRandom(LARGE_FILE);
      await reader.read(0, RANDOM_READ_BYTES);
      await reader.close();
    }),
  };
}

const now = (): number => performance.timeOrigin + performance.now();

export async function runJob(target: Target, job: Job): Promise<JobResult> {
  const { each, end } = await operations(target, job)[job.operation]();
  const latenciesMs: number[] = [];
  const startMs = now();
  let next = 0;
  const worker = async (): Promise<void> => {
    for (;;) {
      const begunMs = now();
      if (next >= job.count || begunMs - startMs > job.limitMs) return;
      await each(next++);
      latenciesMs.push(now() - begunMs);
    }
  };
  await Promise.all(Array.from({ length: job.concurrency }, worker));
  const endMs = now();
  await end?.();
  return { startMs, endMs, latenciesMs };
}
