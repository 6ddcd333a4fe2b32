import { parseSize } from '../../../common/units.js';
import { limitAndDirectories, setQuotas } from '../quotas.js';
import { defineVerb } from '../verb.js';

export const verb = defineVerb({
  define(command) {
    command
      .description(
        'Limit how many bytes (10g, 1.5t) the replicas of all files in a directory may take together, at any depth: a file of 1 GB with three ' +
          'replicas takes 3 GB. A block that is being written takes the block size of its file, times its replication, until it is ' +
          'finished. What is there already stays, even if it is more. Only the superuser may.',
      )
      .argument('<quota>')
      .argument('<directory...>');
  },
  async run(session, args) {
    const [space, directories] = limitAndDirectories(args, parseSize);
    await setQuotas(session, directories, { space });
  },
});
