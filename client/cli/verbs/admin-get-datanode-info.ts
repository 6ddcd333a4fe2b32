import { datanodeAddress, printDatanode } from '../datanode-text.js';
import { UsageError } from '../errors.js';
import { defineVerb } from '../verb.js';

export const verb = defineVerb({
  define(command) {
    command.description('Show what the NameNode knows of one DataNode.').argument('<datanode>');
  },
  async run(session, args) {
    const name = args[0] ?? '';
    if (args.length > 1) throw new UsageError('only one DataNode is allowed.');
    const reports = await (await session.fs()).datanodeReport();
    const found = reports.filter(
      ({ datanode }) => datanodeAddress(datanode) === name || datanode.host === name || datanode.uuid === name,
    );
    if (found.length === 0) throw new UsageError(`no DataNode is known as ${name}; \`dfs report\` lists them.`);
    for (const report of found) {
      await printDatanode(session.out, report);
      await session.out.line(`UUID: ${report.datanode.uuid}\nSoftware version: ${report.version}`);
    }
  },
});
