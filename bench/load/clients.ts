/** Client processes of the bench that work at a time on one file system. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Job, JobResult } from './job.js';
import type { TargetPlace } from './target.js';

/** The most calls that wait in threads of one process at a time (libuv has at most 1024). */
const MOST_THREADS = 512;

export interface Measured {
  /** Operations done by each client. */
  readonly done: readonly number[];
  readonly perSecond: number;
  readonly latenciesMs: readonly number[];
}

export class Clients {
  readonly #processes: readonly ChildProcess[];

  private constructor(processes: readonly ChildProcess[]) {
    this.#processes = processes;
  }

  static async start(place: TargetPlace, count: number): Promise<Clients> {
    const script = fileURLToPath(new URL('process.ts', import.meta.url));
    const threads = Math.max(4, Math.ceil(MOST_THREADS / count));
    const processes = Array.from({ length: count }, () =>
      fork(script, [JSON.stringify(place)], {
        ...('directory' in place ? { cwd: place.directory } : {}),
        execArgv: ['--import', import.meta.resolve('tsx')],
        env: { ...process.env, UV_THREADPOOL_SIZE: String('directory' in place ? threads : 4) },
        serialization: 'advanced',
      }),
    );
    await Promise.all(processes.map((child) => answerOf(child)));
    return new Clients(processes);
  }

  get count(): number {
    return this.#processes.length;
  }

  /** Gives each client its part of the job, with files of its own; `counts` says how many each has, if they are not equal. */
  async run(job: Job, counts?: readonly number[]): Promise<Measured> {
    const share = (whole: number): number => Math.max(1, Math.floor(whole / this.count));
    const parts = this.#processes.map((child, i) => {
      const count = counts?.[i] ?? share(job.count);
      const concurrency = share(job.concurrency);
      child.send({ ...job, directory: `${job.directory}/client${i}`, count, concurrency } satisfies Job);
      return answerOf(child);
    });
    const results = (await Promise.all(parts)) as JobResult[];
    const latenciesMs = results.flatMap((result) => result.latenciesMs);
    const elapsedMs =
      Math.max(...results.map(({ endMs }) => endMs)) - Math.min(...results.map(({ startMs }) => startMs));
    return {
      done: results.map((result) => result.latenciesMs.length),
      perSecond: (1000 * latenciesMs.length) / elapsedMs,
      latenciesMs,
    };
  }

  async stop(): Promise<void> {
    for (const child of this.#processes) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    }
  }
}

/** The next message of a client. @throws {Error} with its error, or when it ends. */
async function answerOf(child: ChildProcess): Promise<unknown> {
  const over = new AbortController();
  const ended = once(child, 'exit', over).then(([code, signal]) => [{ error: `a client ended: ${signal ?? code}` }]);
  const answered = once(child, 'message', over);
  const [message] = (await Promise.race([answered, ended])) as [{ result?: JobResult; error?: string } | 'ready'];
  over.abort();
  await Promise.allSettled([ended, answered]);
  if (message === 'ready') return undefined;
  if (message.error !== undefined) throw new Error(message.error);
  return message.result;
}
