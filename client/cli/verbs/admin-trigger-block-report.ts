import { UsageError } from '../errors.js';
import { defineVerb } from '../verb.js';

export const verb = defineVerb({
  define(command) {
    command
      .description(
        'Have DataNodes report all of their blocks, with their next heartbeats. That is seldom of use: a NameNode that knows something else than a ' +
          'DataNode finds out by itself. Only the superuser may.',
      )
      .argument('<datanode...>');
  },
  async run(session, datanodes) {
    if (datanodes.length === 0) throw new UsageError('which DataNodes? `dfs report` lists them.');
    await (await session.fs()).administerDatanodes('reportBlocks', datanodes);
    await session.out.line(`Triggering a block report on ${datanodes.join(', ')}.`);
  },
});
