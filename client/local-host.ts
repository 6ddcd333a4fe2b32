import { networkInterfaces } from 'node:os';

/**
 * The address of this machine under which the cluster may know a DataNode that runs on it, so that this one comes first; '' when it
 * has none but loopback: there all DataNodes are equally near.
 */
export function localHost(): string {
  for (const addresses of Object.values(networkInterfaces())) {
    const found = addresses?.find(({ internal, family }) => !internal && family === 'IPv4');
    if (found !== undefined) return found.address;
  }
  return '';
}
