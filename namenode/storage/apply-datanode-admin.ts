import type { ApplyState } from './apply.js';
import type { SetDatanodeAdminEdit } from './edit-records.js';
import { AdminDecision } from './schema.js';
import { statement } from './statements.js';

/** Records what an administrator has decided about DataNodes. */
export function setDatanodeAdmin({ db }: ApplyState, { datanodes, decision, expiresMs }: SetDatanodeAdminEdit): void {
  for (const uuid of datanodes) {
    statement(db, 'DELETE FROM datanode_admin WHERE datanode = ?').run(uuid);
    if (decision === AdminDecision.NORMAL) continue;
    const insert = 'INSERT INTO datanode_admin (datanode, decision, expires_ms) VALUES (?, ?, ?)';
    statement(db, insert).run(uuid, decision, expiresMs);
  }
}
