/** Run by harness.test.ts: starts a cluster, says where it is, and waits to be killed. */
import type { ExecutionContext } from 'ava';
import { startCluster } from './harness.js';

const cluster = await startCluster({ teardown: () => {} } as unknown as ExecutionContext, { datanodes: 1, racks: 1 });
process.stdout.write(`${JSON.stringify({ directory: cluster.directory, status: await cluster.status() })}\n`);
setInterval(() => {}, 1000);
