import { PathError, PROBLEMS } from '../errors.js';
import { defineVerb, WordOption } from '../verb.js';

interface Options {
  readonly force?: true;
  readonly recursive?: true;
  readonly R?: true;
}

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description(
        'Remove files, and with -r directories with all that is in them. What is removed is gone: there is no trash.',
      )
      .argument('<path...>')
      .option('-f, --force', 'do not mind paths that do not exist')
      .option('-r, --recursive', 'remove directories too')
      .option('-R', 'the same')
      .addOption(new WordOption('-skipTrash', 'accepted for HDFS'));
  },
  async run(session, args, options) {
    const recursive = options.recursive === true || options.R === true;
    await session.forEach(
      args,
      async ({ status, ...path }) => {
        if (status.type === 'DIRECTORY' && !recursive) throw new PathError(path.shown, PROBLEMS.isDirectory);
        const deleted = await (await session.fs(path)).delete(path.absolute, { recursive });
        if (deleted) await session.out.line(`Deleted ${path.shown}`);
        else if (!options.force) throw new PathError(path.shown, PROBLEMS.notFound); // somebody else was faster
      },
      async (path) => {
        if (!options.force) throw new PathError(path.shown, PROBLEMS.notFound);
      },
    );
  },
});
