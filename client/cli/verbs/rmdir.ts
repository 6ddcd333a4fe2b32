import { isDfsError } from '../../../common/errors.js';
import { PathError, PROBLEMS } from '../errors.js';
import { defineVerb } from '../verb.js';

export const verb = defineVerb<{ readonly ignoreFailOnNonEmpty?: true }>({
  define(command) {
    command
      .description('Remove empty directories.')
      .argument('<path...>')
      .option('--ignore-fail-on-non-empty', 'leave directories that are not empty, without an error');
  },
  async run(session, args, options) {
    await session.forEach(args, async ({ status, ...path }) => {
      if (status.type !== 'DIRECTORY') throw new PathError(path.shown, PROBLEMS.isNotDirectory);
      try {
        await (await session.fs(path)).delete(path.absolute);
      } catch (error) {
        if (options.ignoreFailOnNonEmpty && isDfsError(error, 'PathIsNotEmptyDirectory')) return;
        throw error;
      }
    });
  },
});
