/**
 * `npm run sim`: runs a cluster in virtual time, with faults drawn from a seed, and tells of everything that must not be.
 *
 *     npm run sim -- --seed 7              one run
 *     npm run sim -- --seed 7 --log        with the logs of all processes
 *     npm run sim -- --seeds 1000          many, from seed 1 (or --seed) on
 *     npm run sim -- --seed 7 --hours 2    with faults for two virtual hours instead of two minutes
 *     npm run sim -- --seed 7 --shrink     which faults are needed to make the run fail
 */
import { parseArgs } from 'node:util';
import { FaultCounters } from './fault-counters.js';
import { DEFAULT_FAULTY_MS, drawOptions, NEMESIS_KINDS, type SimulationOptions } from './options.js';
import { NOTHING, type Omissions, omit, shrink } from './shrink.js';
import { type SimulationResult, simulate } from './simulation.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    hours: { type: 'string' },
    without: { type: 'string', default: '' },
    log: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
  },
});

const CALL_FAULTS = 'call faults';
const HOUR_MS = 3_600_000;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

process.once('SIGINT', () => process.exit(130));
await main();

async function main(): Promise<void> {
  const first = wholeNumber('seed', values.seed);
  const count = wholeNumber('seeds', values.seeds);
  const faults = new FaultCounters();
  let failed = 0;
  for (let seed = first; seed < first + count; seed++) {
    const result = await run(seed);
    faults.addAll(result.faults);
    if (result.violations.length > 0) failed++;
  }
  if (count > 1) {
    print(`faults injected: ${JSON.stringify(faults.toObject(), undefined, 2)}`);
    print(`${count} seeds, ${failed} with violations`);
  }
  process.exitCode = failed === 0 ? 0 : 1;
}

async function run(seed: number): Promise<SimulationResult> {
  const options = omit(drawOptions(seed, faultyMs()), omissionsFrom(values.without));
  const before = process.cpuUsage();
  const result = await simulate(options, {
    keepTrace: values.trace,
    ...(values.log ? { onLog: print } : {}),
  });
  for (const line of result.trace) print(line);
  const { user, system } = process.cpuUsage(before);
  print(summaryOf(result, (user + system) / 1e6));
  for (const violation of result.violations) print(`  ${violation}`);
  if (result.violations.length > 0) print(`  to see it again: ${commandFor(seed, values.without)}`);
  if (values.shrink && result.violations.length > 0) await printShrunk(seed, options);
  return result;
}

async function printShrunk(seed: number, options: SimulationOptions): Promise<void> {
  const { kinds, callFaults } = await shrink(options);
  const without = [values.without, ...kinds, ...(callFaults ? [CALL_FAULTS] : [])].filter((kind) => kind !== '');
  print(`  with fewer faults: ${commandFor(seed, without.join(','))}`);
}

function summaryOf(
  { seed, violations, traceHash, events, operations, virtualMs }: SimulationResult,
  cpuSeconds: number,
) {
  const outcome = violations.length === 0 ? 'ok' : 'VIOLATION';
  const work = `${operations} operations, ${events} events, ${Math.round(virtualMs / 1000)} virtual seconds`;
  return `seed ${seed}: ${outcome}, trace ${traceHash}, ${work} in ${cpuSeconds.toFixed(2)} s`;
}

function commandFor(seed: number, without: string): string {
  const hours = values.hours === undefined ? '' : ` --hours ${values.hours}`;
  return `npm run sim -- --seed ${seed}${hours}${without === '' ? '' : ` --without "${without}"`}`;
}

function faultyMs(): number {
  const { hours } = values;
  if (hours === undefined) return DEFAULT_FAULTY_MS;
  const ms = Number(hours) * HOUR_MS;
  if (!(ms > 0)) throw new Error(`--hours takes a positive number, not "${hours}"`);
  return ms;
}

/** `list`: kinds of faults, separated by commas. */
function omissionsFrom(list: string): Omissions {
  const names = list.split(',').filter((name) => name !== '');
  const unknown = names.find((name) => name !== CALL_FAULTS && !NEMESIS_KINDS.some((kind) => kind === name));
  if (unknown !== undefined)
    throw new Error(`--without knows no "${unknown}", only ${[CALL_FAULTS, ...NEMESIS_KINDS].join(', ')}`);
  const kinds = NEMESIS_KINDS.filter((kind) => names.includes(kind));
  return { ...NOTHING, kinds, callFaults: names.includes(CALL_FAULTS) };
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} takes a whole number, not "${text}"`);
  return value;
}
