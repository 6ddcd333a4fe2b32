import { isDfsError } from '../../../common/errors.js';
import { PathError, PROBLEMS } from '../errors.js';
import { defineVerb } from '../verb.js';

export const verb = defineVerb<{ readonly parents?: true }>({
  define(command) {
    command
      .description('Make directories.')
      .argument('<path...>')
      .option('-p, --parents', 'make missing parents too, and do not mind directories that exist');
  },
  async run(session, args, options) {
    await session.forEach(
      args,
      async ({ shown, status }) => {
        if (status.type !== 'DIRECTORY')
          throw new PathError(shown, options.parents ? PROBLEMS.isNotDirectory : PROBLEMS.exists);
        if (!options.parents) throw new PathError(shown, PROBLEMS.exists);
      },
      async (path) => {
        const fs = await session.fs(path);
        // Not exclusive with -p: somebody else may make the same directory at this moment.
        await fs
          .mkdir(path.absolute, { parents: options.parents === true, exclusive: !options.parents })
          .catch((error: unknown) => {
            if (isDfsError(error, 'FileAlreadyExists') && options.parents)
              throw new PathError(path.shown, PROBLEMS.isNotDirectory);
            throw error;
          });
      },
    );
  },
});
