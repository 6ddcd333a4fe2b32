import type { FileSystem } from '../../../client/index.js';
import type { Cluster } from '../cluster.js';

/** Looks at the cluster after everything was repaired, and tells its world of violations. `fs` is a client without faults. */
export interface Checker {
  readonly name: string;
  readonly check: (cluster: Cluster, fs: FileSystem) => Promise<void>;
}
