import { limitAndDirectories, setQuotas } from '../quotas.js';
import { defineVerb } from '../verb.js';

export const verb = defineVerb({
  define(command) {
    command
      .description(
        'Limit how many files, directories and links there may be in a directory, at any depth; the directory itself counts, so that 1 keeps it ' +
          'empty. What is there already stays, even if it is more. The first quota of a cluster is in force once everything has been ' +
          'counted. Only the superuser may.',
      )
      .argument('<quota>')
      .argument('<directory...>');
  },
  async run(session, args) {
    const [names, directories] = limitAndDirectories(args, positive);
    await setQuotas(session, directories, { names });
  },
});

function positive(text: string): number | undefined {
  const value = /^\d+$/.test(text) ? Number(text) : 0;
  return value > 0 && Number.isSafeInteger(value) ? value : undefined;
}
