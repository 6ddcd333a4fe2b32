/** ClientProtocol as a whole: the handlers of the namespace, those about blocks and DataNodes, and a few of its own. */
import type { ClientProtocolHandlers } from '../../common/rpc/services.js';
import { VERSION } from '../../common/version.js';
import type { Namesystem } from '../namesystem.js';
import { requireSuperuser } from '../permissions.js';
import { type CallerSettings, callOf } from './callers.js';
import { namespaceHandlers } from './namespace-handlers.js';
import { posixHandlers } from './posix-handlers.js';
import { writerHandlers } from './writer-handlers.js';

/** Methods that are about blocks and DataNodes. */
export type ClusterHandlers = Pick<
  ClientProtocolHandlers,
  | 'GetFsStats'
  | 'GetDatanodeReport'
  | 'SetSafeMode'
  | 'AdministerDatanodes'
  | 'RunBalancer'
  | 'SetBalancerBandwidth'
  | 'Fsck'
>;

export interface ClientProtocolOptions {
  readonly ns: Namesystem;
  readonly callers: CallerSettings;
  readonly clusterId: string;
  readonly cluster: ClusterHandlers;
  /** Makes a checkpoint; resolves with the last transaction it holds. */
  readonly saveNamespace: () => Promise<number>;
}

export function clientProtocol(options: ClientProtocolOptions): ClientProtocolHandlers {
  const { ns, callers, clusterId, cluster, saveNamespace } = options;
  return {
    ...namespaceHandlers(ns, callers),
    ...writerHandlers(ns, callers),
    ...posixHandlers(ns, callers),
    ...cluster,

    async GetServerDefaults() {
      const { blockSizeBytes, replication, bytesPerChecksum, writePacketBytes, listingLimit } = ns.settings;
      return {
        blockSize: blockSizeBytes,
        replication,
        bytesPerChecksum,
        writePacketSize: writePacketBytes,
        clusterId,
        version: VERSION,
        listingLimit,
      };
    },

    async SaveNamespace(request) {
      requireSuperuser(callOf(callers, request.header));
      return { txid: await saveNamespace() };
    },
  };
}
