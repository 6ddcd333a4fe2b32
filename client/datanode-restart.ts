/** Waiting for a DataNode that has said that it restarts. */
import { isDfsError } from '../common/errors.js';
import { isLocalHost } from '../common/local-host.js';
import type { ClientContext } from './context.js';
import { pause } from './pause.js';
import type { DatanodeAddress, ReplicaLocation } from './types.js';

/** Between two looks whether it is back. HDFS tries the whole pipeline every 4 s, which costs a generation stamp each time. */
const LOOK_INTERVAL_MS = 1_000;

/**
 * HDFS's rule (DataStreamer.shouldWaitForRestart): a writer waits when the DataNode is the only one of its pipeline, or on the writer's own machine.
 * Otherwise the others go on at once.
 */
export function isWorthWaitingFor(
  { host }: DatanodeAddress,
  pipeline: readonly ReplicaLocation[],
  { clientHost }: ClientContext,
): boolean {
  return pipeline.length === 1 || isLocalHost(host, clientHost);
}

/** Whether the DataNode takes connections again within `dfs.client.datanode-restart.timeout`. @throws DfsError `Cancelled`. */
export async function comesBack(
  { host, dataPort }: DatanodeAddress,
  { clock, network, settings }: ClientContext,
  signal: AbortSignal,
): Promise<boolean> {
  const { datanodeRestartTimeoutMs, connectTimeoutMs } = settings;
  const deadlineMs = clock.monotonicMs() + datanodeRestartTimeoutMs;
  for (;;) {
    const leftMs = deadlineMs - clock.monotonicMs();
    if (leftMs <= 0) return false;
    await pause(clock, Math.min(LOOK_INTERVAL_MS, leftMs), signal, 'waiting for a DataNode');
    try {
      const channel = await network.connect(host, dataPort, { timeoutMs: connectTimeoutMs, signal });
      channel.destroy();
      return true;
    } catch (error) {
      if (signal.aborted || !isDfsError(error, 'ConnectionLost', 'Timeout')) throw error;
    }
  }
}
