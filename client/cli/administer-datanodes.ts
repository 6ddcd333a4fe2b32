/** What `dfs admin decommission`, `recommission`, `maintenance` and `forget` have in common. */
import { sleep } from '../../common/clock.js';
import type { DatanodeAdminAction, DatanodeAdminState, DatanodeReport } from '../types.js';
import { adminText, datanodeAddress } from './datanode-text.js';
import { UsageError } from './errors.js';
import type { Session } from './session.js';

const LOOK_INTERVAL_MS = 1_000;
const ON_THE_WAY: readonly DatanodeAdminState[] = ['decommission-in-progress', 'entering-maintenance'];

export interface Administer {
  readonly action: DatanodeAdminAction;
  readonly datanodes: readonly string[];
  readonly maintenanceExpiresMs?: number;
  /** Until they may be taken away. */
  readonly wait?: boolean;
}

/** Has it done, and says how the DataNodes are now. */
export async function administer(session: Session, request: Administer): Promise<void> {
  const { action, datanodes: names, maintenanceExpiresMs = 0, wait = false } = request;
  if (names.length === 0) throw new UsageError('which DataNodes? `dfs report` lists them.');
  const fs = await session.fs();
  const { datanodes, warnings } = await fs.administerDatanodes(action, names, maintenanceExpiresMs);
  for (const warning of warnings) await session.warn(`${session.verb}: ${warning}.`);
  const told = new Map<string, string>();
  await tell(session, datanodes, told);
  if (wait) await waitFor(session, new Set(datanodes.map(({ datanode }) => datanode.uuid)), told);
}

async function waitFor(session: Session, uuids: ReadonlySet<string>, told: Map<string, string>): Promise<void> {
  const fs = await session.fs();
  for (;;) {
    const reports = (await fs.datanodeReport()).filter(({ datanode }) => uuids.has(datanode.uuid));
    await tell(session, reports, told);
    if (reports.every(({ adminState }) => !ON_THE_WAY.includes(adminState))) return;
    await sleep(session.environment.clock, LOOK_INTERVAL_MS, session.signal);
  }
}

/** A line for each DataNode, if it says something new. */
async function tell(session: Session, reports: readonly DatanodeReport[], told: Map<string, string>): Promise<void> {
  for (const report of reports) {
    const line = `${datanodeAddress(report.datanode)}: ${adminText(report)}`;
    if (told.get(report.datanode.uuid) === line) continue;
    told.set(report.datanode.uuid, line);
    await session.out.line(line);
  }
  await session.out.flush();
}
