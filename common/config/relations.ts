/** What must hold between settings, where each one alone is allowed. */
import { DfsError } from '../errors.js';
import { formatDuration, formatSize } from '../units.js';
import type { Configuration } from './configuration.js';
import type { PropertyName, PropertyValue } from './properties.js';

type NumberProperty = {
  [Name in PropertyName]: PropertyValue<Name> extends number ? Name : never;
}[PropertyName];

interface Relation {
  readonly smaller: NumberProperty;
  readonly larger: NumberProperty;
  readonly format: (value: number) => string;
}

const RELATIONS: readonly Relation[] = [
  { smaller: 'dfs.replication', larger: 'dfs.replication.max', format: String },
  { smaller: 'dfs.namenode.replication.min', larger: 'dfs.replication.max', format: String },
  {
    smaller: 'dfs.namenode.replication.max-streams',
    larger: 'dfs.namenode.replication.max-streams-hard-limit',
    format: String,
  },
  { smaller: 'dfs.bytes-per-checksum', larger: 'dfs.client-write-packet-size', format: formatSize },
  { smaller: 'dfs.heartbeat.interval', larger: 'dfs.namenode.stale.datanode.interval', format: formatDuration },
];

/** @throws DfsError `InvalidConfiguration`, naming both settings and their values. */
export function checkRelations(configuration: Configuration): void {
  for (const { smaller, larger, format } of RELATIONS) {
    const low = configuration.get(smaller);
    const high = configuration.get(larger);
    if (low > high) {
      const message = `${smaller} is ${format(low)}, but must not be larger than ${larger}, which is ${format(high)}.`;
      throw new DfsError('InvalidConfiguration', message);
    }
  }
}
