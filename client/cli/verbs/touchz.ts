import { createEmpty } from '../create-empty.js';
import { PathError, PROBLEMS } from '../errors.js';
import { defineVerb } from '../verb.js';

export const verb = defineVerb({
  define(command) {
    command.description('Make empty files. It is an error when a file exists and is not empty.').argument('<path...>');
  },
  async run(session, args) {
    await session.forEach(
      args,
      async ({ status, ...path }) => {
        if (status.type === 'DIRECTORY') throw new PathError(path.shown, PROBLEMS.isDirectory);
        if (status.length > 0) throw new PathError(path.shown, 'Not a zero-length file');
        await createEmpty(session, path, true);
      },
      (path) => createEmpty(session, path),
    );
  },
});
