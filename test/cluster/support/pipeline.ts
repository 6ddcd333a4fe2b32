/** Which DataNode stands where in a pipeline, by the TCP connections that the kernel knows of. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import type { TestCluster } from '../harness.js';

/** Ports that the process has connections to. */
async function connectedPorts(pid: number): Promise<Set<number>> {
  const sockets = new Set<string>();
  for (const fd of await readdir(`/proc/${pid}/fd`)) {
    const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode !== undefined) sockets.add(inode);
  }
  const ports = new Set<number>();
  for (const line of (await readFile(`/proc/${pid}/net/tcp`, 'utf8')).split('\n').slice(1)) {
    // sl, local address, remote address, state, …, inode
    const [, , remote = '', state, , , , , , inode = ''] = line.trim().split(/\s+/);
    if (state === '01' && sockets.has(inode)) ports.add(Number.parseInt(remote.split(':')[1] ?? '', 16));
  }
  return ports;
}

/** Numbers of the DataNodes of the only open pipeline, the first one first; undefined while it is not complete. */
export async function openPipeline(cluster: TestCluster, length = 3): Promise<number[] | undefined> {
  const { datanodes } = await cluster.status();
  const portOf = ({ address }: { address: string }): number => Number(address.split(':')[1]);
  const nextOf = new Map<number, number>();
  for (const [index, { pid, alive }] of datanodes.entries()) {
    if (!alive || pid === null) continue;
    const ports = await connectedPorts(pid);
    const next = datanodes.findIndex((other) => ports.has(portOf(other)));
    if (next >= 0) nextOf.set(index + 1, next + 1);
  }
  const first = [...nextOf.keys()].find((node) => ![...nextOf.values()].includes(node));
  if (first === undefined) return undefined;
  const pipeline = [first];
  for (let next = nextOf.get(first); next !== undefined && !pipeline.includes(next); next = nextOf.get(next)) {
    pipeline.push(next);
  }
  return pipeline.length === length ? pipeline : undefined;
}
