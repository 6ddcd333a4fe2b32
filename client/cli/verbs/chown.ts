import { runChown } from '../chown.js';
import { UsageError } from '../errors.js';
import { defineVerb } from '../verb.js';

export const verb = defineVerb<{ readonly recursive?: true }>({
  define(command) {
    command
      .description(
        'Change owner and group: <owner>, <owner>:<group> or :<group>. Only the superuser may change owners.',
      )
      .usage('[options] <owner>[:<group>] <path...>')
      .argument('<path...>')
      .option('-R, --recursive', 'everything below directories, too');
  },
  async run(session, [spec = '', ...paths], options) {
    const match = /^([-_./@a-zA-Z0-9]+)?(?::([-_./@a-zA-Z0-9]*))?$/.exec(spec);
    if (match === null) throw new UsageError(`'${spec}' does not match expected pattern for [owner][:group].`);
    const [owner, group] = [match[1], match[2] || undefined];
    if (owner === undefined && group === undefined) throw new UsageError(`'${spec}' does not specify owner or group.`);
    await runChown(session, paths, { owner, group }, options.recursive === true);
  },
});
