import { runGet } from '../get.js';
import { COPY_CLEAN_UP_MS, defineVerb } from '../verb.js';

export const verb = defineVerb<{ readonly force?: true; readonly preserve?: true }>({
  define(command) {
    command
      .description(
        'Copy files and directories out of the cluster, and remove each one there when its copy is complete.',
      )
      .usage('[options] <path...> [<local destination>]')
      .argument('<path...>')
      .option('-f, --force', 'replace files that exist')
      .option('-p, --preserve', 'keep times, permissions and, if you may, owner and group');
  },
  cleanUpMs: COPY_CLEAN_UP_MS,
  async run(session, args, options) {
    await runGet(session, args, {
      overwrite: options.force === true,
      preserve: options.preserve === true,
      // Not recursive: a directory with something left in it, which could not be copied, stays.
      onCopied: async (item) => void (await (await session.fs(item)).delete(item.absolute)),
    });
  },
});
