import { runPut } from '../put.js';
import { COPY_CLEAN_UP_MS, defineVerb } from '../verb.js';

interface Options {
  readonly force?: true;
  readonly preserve?: true;
  readonly lazyPersist?: true;
  readonly direct?: true;
}

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description(
        'Copy local files and directories into the cluster; - is standard input. A file appears under its name when it is complete: ' +
          'until then it is called <name>._COPYING_. Without a destination: to your home directory.',
      )
      .usage('[options] <local...> [<destination>]')
      .argument('<local...>')
      .option('-f, --force', 'replace files that exist')
      .option('-p, --preserve', 'keep times, owner, group and permissions')
      .option('-l, --lazy-persist', 'write one replica only')
      .option('-d, --direct', 'write to the final name at once');
  },
  cleanUpMs: COPY_CLEAN_UP_MS,
  async run(session, args, options) {
    await runPut(session, args, {
      overwrite: options.force === true,
      preserve: options.preserve === true,
      direct: options.direct === true,
      ...(options.lazyPersist ? { replication: 1 } : {}),
    });
  },
});
