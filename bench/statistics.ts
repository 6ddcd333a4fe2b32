/** Figures from samples. */

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** The value below which the fraction `p` of the samples lies (nearest rank). */
export function percentile(samples: readonly number[], p: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * p) - 1)] ?? Number.NaN;
}

export function spread(samples: readonly number[]): Spread {
  return { min: Math.min(...samples), median: percentile(samples, 0.5), max: Math.max(...samples) };
}

/** One value measured once. */
export const single = (value: number): Spread => ({ min: value, median: value, max: value });

/** Three digits, all of those before the point, and a comma for thousands. */
export const digits = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);

/** What half, 99 % and 99.9 % of the calls take at most, as a note. */
export function percentiles(latenciesMs: readonly number[]): string {
  const at = (p: number): string => digits(percentile(latenciesMs, p));
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, p99.9 ${at(0.999)} ms`;
}

/** The quotients of what was measured in the same round. */
export function pairwise(a: readonly number[], b: readonly number[]): Spread {
  return spread(a.map((value, i) => value / (b[i] ?? Number.NaN)));
}

/** Runs `work` and returns the seconds it took. */
export async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** Keeps `concurrency` calls of `work` under way until `count` are done; returns each call's milliseconds. */
export async function concurrently(
  count: number,
  concurrency: number,
  work: (index: number) => Promise<unknown>,
): Promise<{ readonly elapsedSeconds: number; readonly latenciesMs: number[] }> {
  const latenciesMs: number[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < count; index = next++) {
      const start = performance.now();
      await work(index);
      latenciesMs.push(performance.now() - start);
    }
  };
  const elapsedSeconds = await seconds(() => Promise.all(Array.from({ length: concurrency }, worker)));
  return { elapsedSeconds, latenciesMs };
}
