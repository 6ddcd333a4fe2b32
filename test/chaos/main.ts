/** `npm run chaos -- --minutes M --seed N`: ends with exit code 1 when anything was lost, or done that must not be. */
import { parseArgs } from 'node:util';
import { systemClock } from '../../common/clock.js';
import { systemRandom } from '../../common/random.js';
import { type ChaosReport, runChaos } from './run.js';

function numberOf(name: string, text: string, min: number): number {
  const value = Number(text);
  if (text !== '' && Number.isFinite(value) && value >= min) return value;
  process.stderr.write(`--${name} takes a number of at least ${min}, not "${text}"\n`);
  process.exit(2);
}

function lines(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([what, count]) => `${String(count).padStart(12)}  ${what}\n`).join('');
}

function print({ faults, operations, unanswered, verified, violations }: ChaosReport): void {
  const { files, bytesRead, replicas, replicaBytes, lost } = verified;
  process.stdout.write(`
Faults
${lines(faults)}
Acknowledged operations
${lines(operations)}
Operations without an answer (either outcome is right)
${lines(unanswered)}
Verified
${lines({ files, 'bytes read': bytesRead, replicas, 'bytes in replicas': replicaBytes })}
${violations.map((what) => `VIOLATION: ${what}\n`).join('')}lost = ${lost}, violations = ${violations.length}
`);
}

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string' } },
});
const minutes = numberOf('minutes', values.minutes, 0.1);
const seed = values.seed === undefined ? systemRandom.int(1_000_000) : numberOf('seed', values.seed, 0);
const command = `npm run chaos -- --minutes ${minutes} --seed ${seed}`;
const startMs = systemClock.monotonicMs();
const log = (line: string): void => {
  process.stdout.write(`${((systemClock.monotonicMs() - startMs) / 1000).toFixed(1).padStart(7)}  ${line}\n`);
};
process.stdout.write(`${command}\n`);
try {
  const report = await runChaos({ seed, durationMs: minutes * 60_000, log });
  print(report);
  if (report.violations.length > 0) process.exitCode = 1;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
}
if (process.exitCode === 1) process.stderr.write(`Failed. The same faults again: ${command}\n`);
