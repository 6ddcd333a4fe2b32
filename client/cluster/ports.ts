import { createServer } from 'node:net';
import { type Clock, sleep } from '../../common/clock.js';
import { DfsError } from '../../common/errors.js';
import { HOST } from './layout.js';
import type { ClusterNode } from './node-command.js';

/** A process that was killed is gone from the list of processes a moment before its ports are free. */
const PATIENCE_MS = 1_000;
const LOOK_INTERVAL_MS = 50;

/**
 * Looks whether the processes can have their ports, before any of them is started.
 * @throws DfsError `PortInUse`, naming the port and who wants it.
 */
export async function requireFreePorts(nodes: readonly ClusterNode[], clock: Clock): Promise<void> {
  const deadline = clock.monotonicMs() + PATIENCE_MS;
  for (const { title, ports } of nodes) {
    for (const [purpose, port] of ports) {
      if (await isFreeBefore(deadline, port, clock)) continue;
      throw new DfsError(
        'PortInUse',
        `Port ${port} on ${HOST}, which ${title} needs (${purpose}), is in use by another program. ` +
          'Stop that program, or give the cluster other ports: --base-port 18020 uses ports from 18020 on.',
      );
    }
  }
}

async function isFreeBefore(deadline: number, port: number, clock: Clock): Promise<boolean> {
  while (!(await isFree(port))) {
    if (clock.monotonicMs() >= deadline) return false;
    await sleep(clock, LOOK_INTERVAL_MS);
  }
  return true;
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: HOST, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
