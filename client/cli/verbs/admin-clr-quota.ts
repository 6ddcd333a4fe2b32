import { setQuotas } from '../quotas.js';
import { defineVerb } from '../verb.js';

export const verb = defineVerb({
  define(command) {
    command
      .description(
        'Lift the limit of the number of files, directories and links in directories. Only the superuser may.',
      )
      .argument('<directory...>');
  },
  run: (session, directories) => setQuotas(session, directories, { names: null }),
});
