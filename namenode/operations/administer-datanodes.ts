/** What an administrator decides about DataNodes: decommissioning, maintenance, taking them back, forgetting dead ones. */

import { DfsError } from '../../common/errors.js';
import type { BlockManagement } from '../block-management.js';
import type { DatanodeDescriptor } from '../datanode-descriptor.js';
import { type Call, change, type Namesystem } from '../namesystem.js';
import { isKnown, removeDatanode } from '../storage/datanode-rows.js';
import { AdminDecision } from '../storage/schema.js';

export interface DatanodesRequest {
  /** As people name them: `host:port`, a host, a UUID. */
  readonly names: readonly string[];
}

export interface DecisionRequest extends DatanodesRequest {
  readonly decision: AdminDecision;
  /** Of maintenance: when it ends by itself, in wall-clock milliseconds; 0: never. */
  readonly expiresMs: number;
}

/**
 * Decommissions DataNodes, puts them into maintenance, or takes them back. Resolves with those that were meant, once the decision is durable; what follows from it takes
 * its time (datanode-admin.ts).
 * @throws DfsError `InvalidArgument` when a name is not that of a DataNode; `SafeMode`.
 */
export async function decideAboutDatanodes(
  ns: Namesystem,
  { datanodes, admin }: BlockManagement,
  call: Call,
  { names, decision, expiresMs }: DecisionRequest,
): Promise<DatanodeDescriptor[]> {
  const uuids = await change(ns, call, `change the state of ${names.join(', ')}`, (_tx, nowMs) => {
    if (expiresMs !== 0 && expiresMs <= nowMs)
      throw new DfsError('InvalidArgument', 'The end of the maintenance lies in the past');
    const found = meant(datanodes, names);
    return { answer: found.join(' '), record: { op: 'setDatanodeAdmin', datanodes: found, decision, expiresMs } };
  });
  const nodes = uuids.split(' ').flatMap((uuid) => datanodes.node(uuid) ?? []);
  for (const node of nodes) admin.decided(node);
  return nodes;
}

/**
 * Forgets dead DataNodes: their names, and that they had replicas. One that comes back registers and reports as a new one does, so nothing is
 * lost by it.
 * @throws DfsError `InvalidArgument` when a name is not that of a dead DataNode; `SafeMode`.
 */
export async function forgetDatanodes(
  ns: Namesystem,
  { datanodes, service }: BlockManagement,
  call: Call,
  { names }: DatanodesRequest,
): Promise<DatanodeDescriptor[]> {
  const uuids = await change(ns, call, `forget ${names.join(', ')}`, (tx) => {
    const found = meant(datanodes, names);
    for (const uuid of found) requireDead(datanodes.node(uuid));
    for (const uuid of found) removeDatanode(tx.db, uuid);
    const { NORMAL: decision } = AdminDecision;
    return { answer: found.join(' '), record: { op: 'setDatanodeAdmin', datanodes: found, decision, expiresMs: 0 } };
  });
  const nodes = uuids.split(' ').flatMap((uuid) => datanodes.node(uuid) ?? []);
  // At a late repeat, one of them may have come back.
  for (const node of nodes) if (!isKnown(ns.journal.committed, node.uuid)) service.forget(node);
  return nodes;
}

/** UUIDs, each once. */
function meant(datanodes: BlockManagement['datanodes'], names: readonly string[]): string[] {
  if (names.length === 0) throw new DfsError('InvalidArgument', 'No DataNode is named');
  return [...new Set(names.flatMap((name) => datanodes.named(name)).map(({ uuid }) => uuid))];
}

function requireDead(node: DatanodeDescriptor | undefined): void {
  if (node === undefined || node.state === 'dead') return;
  throw new DfsError(
    'InvalidArgument',
    `${node.name} is not dead: only a DataNode that is can be forgotten. Stop it first, and decommission it before that`,
  );
}
