import type { DatanodeReport } from '../../types.js';
import { adminText, datanodeAddress } from '../datanode-text.js';
import { defineVerb, jsonOption } from '../verb.js';

export const verb = defineVerb<{ readonly json?: true }>({
  define(command) {
    command
      .description('Show the racks, and the DataNodes that stand in each, as the NameNode knows them.')
      .addOption(jsonOption());
  },
  async run(session, _args, { json }) {
    const racks = byRack(await (await session.fs()).datanodeReport());
    if (json) {
      const addresses = [...racks].map(([rack, datanodes]) => [
        rack,
        datanodes.map(({ datanode }) => datanodeAddress(datanode)),
      ]);
      await session.out.line(JSON.stringify(Object.fromEntries(addresses), null, 2));
      return;
    }
    for (const [rack, datanodes] of racks) {
      await session.out.line(`Rack: ${rack}`);
      for (const report of datanodes) await session.out.line(`   ${line(report)}`);
      await session.out.line('');
    }
  },
});

function byRack(reports: readonly DatanodeReport[]): Map<string, DatanodeReport[]> {
  const racks = new Map<string, DatanodeReport[]>();
  for (const rack of [...new Set(reports.map((report) => report.rack))].sort()) {
    racks.set(
      rack,
      reports.filter((report) => report.rack === rack),
    );
  }
  return racks;
}

/** HDFS: `127.0.0.1:9866 (localhost) In Service`. */
function line(report: DatanodeReport): string {
  const { datanode, state, adminState } = report;
  const service = adminState === 'normal' ? 'In Service' : adminText(report);
  return `${datanodeAddress(datanode)} (${datanode.host}) ${state === 'live' ? service : `${service}, ${state}`}`;
}
