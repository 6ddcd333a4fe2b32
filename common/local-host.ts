import { hostname, networkInterfaces } from 'node:os';

/** Whether `host` is this machine. `ownName`: what others call it, where that is known. */
export function isLocalHost(host: string, ownName = ''): boolean {
  if (host === '') return false;
  if (host === ownName || host === 'localhost' || host === hostname() || host.startsWith('127.')) return true;
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === host));
}
