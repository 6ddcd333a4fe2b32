import { runChown } from '../chown.js';
import { UsageError } from '../errors.js';
import { defineVerb } from '../verb.js';

export const verb = defineVerb<{ readonly recursive?: true }>({
  define(command) {
    command
      .description('Change the group. You must own the file and be in the group, or be the superuser.')
      .usage('[options] <group> <path...>')
      .argument('<path...>')
      .option('-R, --recursive', 'everything below directories, too');
  },
  async run(session, [group = '', ...paths], options) {
    if (!/^[-_./@a-zA-Z0-9]+$/.test(group))
      throw new UsageError(`'${group}' does not match expected pattern for group.`);
    await runChown(session, paths, { group }, options.recursive === true);
  },
});
