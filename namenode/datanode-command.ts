/** What a DataNode is told to do, in the answer to its heartbeat. */
import type { Block } from '../common/block.js';
import type { Location } from './blocks.js';

export type DatanodeCommand =
  | { readonly kind: 'register' }
  /** Copy a replica to these places, in this order. */
  | {
      readonly kind: 'transfer';
      readonly block: Block;
      readonly targets: readonly Location[];
      /** For the balancer, at its pace. */
      readonly balancing: boolean;
    }
  /** Keep to this for the balancer. */
  | { readonly kind: 'balancerBandwidth'; readonly bytesPerSecond: number }
  /** Lead the recovery of a block that these DataNodes may have. */
  | {
      readonly kind: 'recover';
      readonly block: Block;
      readonly recoveryId: number;
      readonly locations: readonly Location[];
      /** DataNodes that may have it and are dead. */
      readonly givenUp: number;
      readonly truncate: boolean;
    }
  /** Somebody could not read these replicas, which are the last of their blocks. */
  | { readonly kind: 'verify'; readonly blocks: readonly Block[] }
  | { readonly kind: 'invalidate'; readonly blocks: readonly Block[] }
  | { readonly kind: 'fullReport'; readonly storageUuids: readonly string[] };
