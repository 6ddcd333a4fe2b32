/** A DataNode never gives out a replica whose generation stamp is older than the one that it is asked for. */

import { BlockReader } from '../../../client/tcp/block-reader.js';
import { ConnectionPool } from '../../../client/tcp/connection-pool.js';
import { isDfsError } from '../../../common/errors.js';
import { DATA_PORT } from '../datanode-machine.js';
import { replicasOn } from '../replicas.js';
import type { Checker } from './checker.js';

/** Replicas asked for on each DataNode. */
const SAMPLE = 5;

export const staleStamps: Checker = {
  name: 'stale generation stamps',
  async check(cluster) {
    const { running } = cluster.observer;
    const poolId = cluster.namenode.database?.clusterId ?? '';
    if (running === undefined) throw new Error('the observer does not run');
    const { clock, life } = running;
    const network = cluster.world.network.attach(life, cluster.observer.host, clock);
    const connections = new ConnectionPool({ network, clock, connectTimeoutMs: 10_000, idleMs: 1_000, capacity: 16 });
    for (const machine of cluster.datanodes) {
      const address = { uuid: '', host: machine.host, dataPort: DATA_PORT, rpcPort: 0, httpPort: 0 };
      for (const { blockId, generationStamp, length } of [...replicasOn(machine, false)].slice(0, SAMPLE)) {
        if (length === 0) continue;
        const block = { blockId, generationStamp: generationStamp + 1, numBytes: length };
        const range = { poolId, block, offset: 0, length };
        try {
          const reader = await BlockReader.open(connections, address, range, {
            clientName: 'checker',
            timeoutMs: 10_000,
          });
          reader.close();
          cluster.world.violation(
            `${machine.host} gives blk_${blockId}_${generationStamp} to a reader of a newer stamp`,
          );
        } catch (error) {
          if (!isDfsError(error, 'ReplicaNotFound', 'StaleGenerationStamp')) throw error;
        }
      }
    }
    connections.close();
  },
};
