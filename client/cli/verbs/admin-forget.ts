import { administer } from '../administer-datanodes.js';
import { defineVerb } from '../verb.js';

export const verb = defineVerb({
  define(command) {
    command
      .description(
        'Forget dead DataNodes that will not come back: reports do not mention them any more. One that does come back is taken in as a new one, ' +
          'with the blocks that it has. Only the superuser may.',
      )
      .argument('<datanode...>');
  },
  async run(session, datanodes) {
    await administer(session, { action: 'forget', datanodes });
    await session.out.line(`Forgotten: ${datanodes.join(', ')}`);
  },
});
