/** What all processes of one simulated cluster share: time, chance, the network, and the record of what happened. */
import type { Random } from '../../common/random.js';
import { seededRandom } from '../../common/random.js';
import { FaultCounters } from './fault-counters.js';
import { type LinkQuality, Links } from './links.js';
import { SimulatedNetwork } from './network.js';
import { type CallFaults, NO_CALL_FAULTS, SimulatedRpc } from './rpc.js';
import { Scheduler } from './scheduler.js';
import { Trace } from './trace.js';

export interface World {
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly faults: FaultCounters;
  readonly links: Links;
  readonly network: SimulatedNetwork;
  readonly rpc: SimulatedRpc;
  /** May be changed while the simulation runs. */
  readonly callFaults: CallFaults;
  /** What must never happen and did, as text. */
  readonly violations: string[];
  /** Randomness for one more component, independent of that of the others. */
  fork(): Random;
}

export const FAST_LINK: LinkQuality = { latencyMs: 0.2, jitterMs: 0.1, bytesPerMs: 100_000, lossRate: 0 };

export interface WorldOptions {
  readonly seed: number;
  readonly link?: LinkQuality;
  readonly callFaults?: CallFaults;
  /** Keep the trace as text. */
  readonly keepTrace?: boolean;
}

export function newWorld({ seed, link = FAST_LINK, callFaults = NO_CALL_FAULTS, keepTrace }: WorldOptions): World {
  const seeds = seededRandom(seed);
  const fork = (): Random => seededRandom(seeds.int(2 ** 32));
  const scheduler = new Scheduler();
  const trace = new Trace(() => scheduler.nowMs, keepTrace);
  scheduler.trace = trace;
  const faults = new FaultCounters();
  const violations: string[] = [];
  const common = { scheduler, trace, faults };
  const links = new Links({ ...common, random: fork(), normal: link });
  const faultsOfCalls = { ...callFaults };
  return {
    ...common,
    links,
    callFaults: faultsOfCalls,
    violations,
    fork,
    network: new SimulatedNetwork({ ...common, links, random: fork() }),
    rpc: new SimulatedRpc({
      ...common,
      links,
      random: fork(),
      callFaults: faultsOfCalls,
      onUnforeseen: (where, error) => {
        violations.push(
          `${where} failed for an unforeseen reason: ${error instanceof Error ? error.stack : String(error)}`,
        );
      },
    }),
  };
}
