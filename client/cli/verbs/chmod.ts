import { changeAttributes } from '../change-attributes.js';
import { UsageError } from '../errors.js';
import { parseModeChange } from '../mode.js';
import { defineVerb } from '../verb.js';

export const verb = defineVerb<{ readonly recursive?: true }>({
  define(command) {
    command
      .description(
        'Change permissions. The mode is octal (755, 1777) or symbolic (u+x,go-w, a=rX, +t); without a class it is for all, ' +
          'and the umask does not count.',
      )
      .usage('[options] <mode> <path...>')
      .argument('<path...>')
      .option('-R, --recursive', 'everything below directories, too')
      .allowUnknownOption(); // -w and -x are modes
  },
  async run(session, [mode = '', ...paths], options) {
    if (paths.length === 0) throw new UsageError('a path is missing.');
    const change = parseModeChange(mode);
    await changeAttributes(session, paths, 'permissions', options.recursive === true, async ({ status, ...path }) => {
      const changed = change(status.mode, status.type === 'DIRECTORY');
      if (changed !== status.mode) await (await session.fs(path)).setPermission(path.absolute, changed);
    });
  },
});
