import { createServer } from 'node:net';
import { DfsError } from '../../common/errors.js';
import { HOST } from './layout.js';
import type { ClusterNode } from './node-command.js';

/**
 * Looks whether the processes can have their ports, before any of them is started.
 * @throws DfsError `PortInUse`, naming the port and who wants it.
 */
export async function requireFreePorts(nodes: readonly ClusterNode[]): Promise<void> {
  for (const { title, ports } of nodes) {
    for (const [purpose, port] of ports) {
      if (await isFree(port)) continue;
      throw new DfsError(
        'PortInUse',
        `Port ${port} on ${HOST}, which ${title} needs (${purpose}), is in use by another program. ` +
          'Stop that program, or give the cluster other ports: --base-port 18020 uses ports from 18020 on.',
      );
    }
  }
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: HOST, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
