/** `npm run sim`: runs seeds, and tells which of them show a violation. */
import { parseArgs } from 'node:util';
import { DEFAULT_FAULTY_MS, drawOptions, withoutFaults } from './options.js';
import { simulate } from './simulation.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    hours: { type: 'string' },
    calm: { type: 'boolean', default: false },
    log: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
  },
});

const first = Number(values.seed);
const count = Number(values.seeds);
const faultyMs = values.hours === undefined ? DEFAULT_FAULTY_MS : Number(values.hours) * 3_600_000;
let failures = 0;
for (let seed = first; seed < first + count; seed++) {
  const drawn = drawOptions(seed, faultyMs);
  const before = process.cpuUsage();
  const result = await simulate(values.calm ? withoutFaults(drawn) : drawn, {
    keepTrace: values.trace,
    ...(values.log ? { onLog: (line: string) => console.log(line) } : {}),
  });
  for (const line of result.trace) console.log(line);
  const { user, system } = process.cpuUsage(before);
  const seconds = ((user + system) / 1e6).toFixed(2);
  console.log(
    `seed ${seed}: ${result.violations.length === 0 ? 'ok' : 'VIOLATION'} hash ${result.traceHash} ${result.events} events, ${result.operations} operations, ${(result.virtualMs / 1000).toFixed(0)} virtual s in ${seconds} s`,
  );
  if (result.violations.length === 0) continue;
  failures++;
  for (const violation of result.violations) console.log(`  ${violation}`);
}
process.exitCode = failures === 0 ? 0 : 1;
