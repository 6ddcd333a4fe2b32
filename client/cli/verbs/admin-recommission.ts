import { administer } from '../administer-datanodes.js';
import { defineVerb } from '../verb.js';

export const verb = defineVerb({
  define(command) {
    command
      .description(
        'Take DataNodes back into service: ends their decommissioning or their maintenance. Replicas that are too many then are deleted. ' +
          'Only the superuser may.',
      )
      .argument('<datanode...>');
  },
  run: (session, datanodes) => administer(session, { action: 'recommission', datanodes }),
});
