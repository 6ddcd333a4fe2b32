import { administer } from '../administer-datanodes.js';
import { defineVerb } from '../verb.js';

export const verb = defineVerb<{ readonly wait?: true }>({
  define(command) {
    command
      .description(
        'Take DataNodes out of service for good. They get no new blocks, and those that they have are copied to others; `dfs report` shows how ' +
          'far that is. Once one is Decommissioned, nothing is lost when it is stopped. A DataNode is given as host:port, or as a host when ' +
          'all of that host are meant. Only the superuser may.',
      )
      .argument('<datanode...>')
      .option('-w, --wait', 'wait until they are decommissioned, and show how far it is');
  },
  run: (session, datanodes, { wait = false }) => administer(session, { action: 'decommission', datanodes, wait }),
});
