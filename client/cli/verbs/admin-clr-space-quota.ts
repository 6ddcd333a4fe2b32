import { setQuotas } from '../quotas.js';
import { defineVerb } from '../verb.js';

export const verb = defineVerb({
  define(command) {
    command
      .description('Lift the limit of the bytes that the files in directories may take. Only the superuser may.')
      .argument('<directory...>');
  },
  run: (session, directories) => setQuotas(session, directories, { space: null }),
});
