import { hostname, networkInterfaces } from 'node:os';

/** Whether `host`, of a DataNode, is this machine. `clientHost`: what the cluster calls it, '' when that is not known. */
export function isLocalHost(host: string, clientHost: string): boolean {
  if (host === clientHost || host === 'localhost' || host === hostname()) return true;
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === host));
}
