/** Waiting until a cluster that was started can be used. */
import { type Clock, sleep } from '../../common/clock.js';
import { loadConfiguration } from '../../common/config/configuration.js';
import { formatHostPort } from '../../common/config/kinds.js';
import { DfsError, messageOf } from '../../common/errors.js';
import { FileSystem } from '../file-system.js';
import { type ClusterLayout, HOST } from './layout.js';

const LOOK_INTERVAL_MS = 100;
/** Generous: replaying a long edit log takes its time, and so does a busy machine. */
const NAMENODE_TIMEOUT_MS = 120_000;
const DATANODES_TIMEOUT_MS = 60_000;
/** A single attempt to reach the NameNode; while it is starting, the next one comes soon. */
const CONNECT_SETTINGS = { 'ipc.client.connect.timeout': '1s', 'dfs.client.retry.max.total': '1s' };

export interface Readiness {
  /** Data addresses of the DataNodes that should be live. */
  readonly datanodes: readonly string[];
  /** Those of them that were started just now, and since when ({@link Clock.monotonicMs}): earlier heartbeats are of the process before. */
  readonly started: { readonly datanodes: ReadonlySet<string>; readonly sinceMs: number };
  /** Throws when a process has ended in the meantime: then there is no use in waiting on. */
  readonly requireRunning: () => Promise<void>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Returns when the NameNode answers, all DataNodes are live and safe mode is off; or with the reason, in words, why safe mode stays on.
 * @throws DfsError `Timeout` when the NameNode does not answer, or DataNodes stay away.
 */
export async function waitUntilReady(layout: ClusterLayout, readiness: Readiness): Promise<string | undefined> {
  const fs = await connectWhenUp(layout, readiness);
  try {
    await waitForDatanodes(fs, readiness);
    return await waitForSafeModeEnd(fs, readiness);
  } finally {
    await fs.close();
  }
}

async function connectWhenUp(layout: ClusterLayout, { clock, signal, requireRunning }: Readiness): Promise<FileSystem> {
  const namenode = formatHostPort({ host: HOST, port: layout.namenode.rpcPort });
  const configuration = loadConfiguration({ overrides: CONNECT_SETTINGS });
  const deadline = clock.monotonicMs() + NAMENODE_TIMEOUT_MS;
  for (;;) {
    try {
      return await FileSystem.connect({ namenode, configuration, clock });
    } catch (error) {
      if (clock.monotonicMs() > deadline) {
        throw new DfsError(
          'Timeout',
          `The NameNode did not answer within ${NAMENODE_TIMEOUT_MS / 1000} s: ${messageOf(error)}`,
        );
      }
    }
    await requireRunning();
    await sleep(clock, LOOK_INTERVAL_MS, signal);
  }
}

async function waitForDatanodes(
  fs: FileSystem,
  { datanodes, started, clock, signal, requireRunning }: Readiness,
): Promise<void> {
  const deadline = clock.monotonicMs() + DATANODES_TIMEOUT_MS;
  for (;;) {
    const askedMs = clock.monotonicMs();
    const heard = new Map<string, number>();
    for (const { state, datanode, lastContactMs } of await fs.datanodeReport()) {
      const address = formatHostPort({ host: datanode.host, port: datanode.dataPort });
      if (state !== 'dead') heard.set(address, askedMs - lastContactMs);
    }
    const missing = datanodes.filter((address) => {
      const heardMs = heard.get(address);
      return heardMs === undefined || (started.datanodes.has(address) && heardMs < started.sinceMs);
    });
    if (missing.length === 0) return;
    await requireRunning();
    if (clock.monotonicMs() > deadline) {
      throw new DfsError(
        'Timeout',
        `No heartbeat from the DataNodes at ${missing.join(', ')} within ${DATANODES_TIMEOUT_MS / 1000} s.`,
      );
    }
    await sleep(clock, LOOK_INTERVAL_MS, signal);
  }
}

/** Blocks that are missing can keep safe mode on for ever; the cluster is up all the same, for reading and for finding out. */
async function waitForSafeModeEnd(fs: FileSystem, { clock, signal }: Readiness): Promise<string | undefined> {
  const deadline = clock.monotonicMs() + DATANODES_TIMEOUT_MS;
  for (;;) {
    const { on, message } = await fs.safeMode('get');
    if (!on) return undefined;
    if (clock.monotonicMs() > deadline) return message;
    await sleep(clock, LOOK_INTERVAL_MS, signal);
  }
}
