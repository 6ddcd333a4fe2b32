import { rmdir, unlink } from 'node:fs/promises';
import { runPut } from '../put.js';
import { COPY_CLEAN_UP_MS, defineVerb } from '../verb.js';

export const verb = defineVerb<{ readonly force?: true; readonly preserve?: true }>({
  define(command) {
    command
      .description(
        'Copy local files and directories into the cluster, and remove each local one when its copy is complete.',
      )
      .usage('[options] <local...> [<destination>]')
      .argument('<local...>')
      .option('-f, --force', 'replace files that exist')
      .option('-p, --preserve', 'keep times, owner, group and permissions');
  },
  cleanUpMs: COPY_CLEAN_UP_MS,
  async run(session, args, options) {
    await runPut(session, args, {
      overwrite: options.force === true,
      preserve: options.preserve === true,
      direct: false,
      // A directory with something left in it, which could not be copied, stays: rmdir says so.
      onCopied: (item) => (item.stats.isDirectory() ? rmdir(item.path) : unlink(item.path)),
    });
  },
});
