import type { FileSystem } from '../../../client/index.js';
import type { Cluster } from '../cluster.js';

/** Looks for what must not be, and tells the world of violations. */
export interface Checker {
  readonly name: string;
  /** Called at the beginning: looks on from then on, also while things go wrong. Violations are told of with the checker's name. */
  readonly watch?: (cluster: Cluster) => void;
  /** Called after everything was repaired. `fs` is a client without faults. */
  readonly check?: (cluster: Cluster, fs: FileSystem) => Promise<void>;
}
