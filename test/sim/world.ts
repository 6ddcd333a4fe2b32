/** What all processes of one simulated cluster share: time, chance, the network, and the record of what happened. */
import { createLogger, type Logger } from '../../common/logging.js';
import type { Random } from '../../common/random.js';
import { seededRandom } from '../../common/random.js';
import { CallTap } from './call-tap.js';
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
  readonly tap: CallTap;
  /** May be changed while the simulation runs. */
  readonly callFaults: CallFaults;
  /** What must never happen and did, as text. */
  readonly violations: readonly string[];
  /** `by`: the checker that says so; without it, whatever is at work just now. */
  violation(text: string, by?: string): void;
  /** Who has told of the first one, if he said who he is. */
  readonly firstFoundBy: string | undefined;
  /** A line for whoever looks into a run; kept only when that was asked for. */
  log(who: string, text: string): void;
  /** The logger of a process. */
  logger(who: string): Logger;
  /** Randomness for one more component, independent of that of the others. */
  fork(): Random;
}

/** With `write` undefined: a logger that says nothing. */
function simulatedLogger(write: ((text: string) => void) | undefined): Logger {
  if (write === undefined) return SILENT;
  return createLogger({ name: 'sim', level: 'debug', destination: { write: (line) => write(shortened(line)) } });
}

const SILENT = createLogger({ name: 'sim', level: 'silent' });

/** Without what says nothing in a simulation: the process id, the real time. */
function shortened(line: string): string {
  const { pid: _pid, time: _time, name: _name, level, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
  return `${String(level)}: ${String(msg)} ${JSON.stringify(rest)}`;
}

export const FAST_LINK: LinkQuality = { latencyMs: 0.2, jitterMs: 0.1, bytesPerMs: 100_000, lossRate: 0 };

export interface WorldOptions {
  readonly seed: number;
  readonly link?: LinkQuality;
  readonly callFaults?: CallFaults;
  /** Keep the trace as text. */
  readonly keepTrace?: boolean;
  /** Gets the logs of all processes, line by line. */
  readonly onLog?: ((line: string) => void) | undefined;
}

export function newWorld({
  seed,
  link = FAST_LINK,
  callFaults = NO_CALL_FAULTS,
  keepTrace,
  onLog,
}: WorldOptions): World {
  const seeds = seededRandom(seed);
  const fork = (): Random => seededRandom(seeds.int(2 ** 32));
  const scheduler = new Scheduler();
  const trace = new Trace(() => scheduler.nowMs, keepTrace);
  scheduler.trace = trace;
  const faults = new FaultCounters();
  const violations: string[] = [];
  const common = { scheduler, trace, faults };
  const links = new Links({ ...common, random: fork(), normal: link });
  const log = (who: string, text: string): void => onLog?.(`${(scheduler.nowMs / 1000).toFixed(3)} ${who} ${text}`);
  let firstFoundBy: string | undefined;
  const violation = (text: string, by?: string): void => {
    log('VIOLATION', text);
    if (violations.length === 0) firstFoundBy = by;
    violations.push(`at ${(scheduler.nowMs / 1000).toFixed(3)} s: ${text}`);
  };
  const tap = new CallTap();
  const faultsOfCalls = { ...callFaults };
  return {
    ...common,
    links,
    callFaults: faultsOfCalls,
    violations,
    violation,
    get firstFoundBy() {
      return firstFoundBy;
    },
    tap,
    log,
    logger: (who) => simulatedLogger(onLog === undefined ? undefined : (text) => log(who, text)),
    fork,
    network: new SimulatedNetwork({ ...common, links, random: fork() }),
    rpc: new SimulatedRpc({
      ...common,
      links,
      random: fork(),
      callFaults: faultsOfCalls,
      tap,
      onUnforeseen: (where, error) => {
        violation(`${where} failed for an unforeseen reason: ${error instanceof Error ? error.stack : String(error)}`);
      },
    }),
  };
}
