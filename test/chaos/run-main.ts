/** The process of main.ts that does the run. Its argument is RunOptions as JSON. */
import { systemClock } from '../../common/clock.js';
import { hostNames } from '../cluster/support/machines.js';
import { LoopbackHosts, PrivateNetwork } from '../cluster/support/private-network.js';
import { DATANODES } from './cluster.js';
import { runChaos } from './run.js';
import { summaryOf } from './summary.js';

export interface RunOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly directory: string;
  readonly images: boolean;
  /** The prefix of the private network's name spaces, or the number of loopback addresses. */
  readonly network: string | number;
}

const { seed, minutes, directory, images, network } = JSON.parse(process.argv[2] ?? '') as RunOptions;
const names = hostNames(DATANODES);
const cut = typeof network === 'string' ? new PrivateNetwork(network, names) : undefined;
const startMs = systemClock.monotonicMs();
const log = (line: string): void => {
  process.stdout.write(`${((systemClock.monotonicMs() - startMs) / 1000).toFixed(1).padStart(7)}  ${line}\n`);
};
try {
  const report = await runChaos({
    seed,
    durationMs: minutes * 60_000,
    directory,
    hosts: cut ?? new LoopbackHosts(Number(network), names),
    network: cut,
    images,
    log,
  });
  process.stdout.write(summaryOf(report));
  process.exit(report.violations.length > 0 ? 1 : 0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
}
