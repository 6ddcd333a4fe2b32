import { PathError, PROBLEMS, UsageError } from '../errors.js';
import type { ExistingItem } from '../session.js';
import { defineVerb } from '../verb.js';

export const verb = defineVerb({
  define(command) {
    command
      .description(
        'Move the contents of files to the end of another one, in this order, in one step; no byte is copied. ' +
          'The sources are removed. They must not be empty, nor have larger blocks or more replicas than the target.',
      )
      .argument('<target>')
      .argument('<source...>');
  },
  async run(session, [target = '', ...sources]) {
    if (sources.length === 0) throw new UsageError('a source is missing.');
    const { status, ...destination } = await session.destination(target);
    if (status === undefined) throw new PathError(target, PROBLEMS.notFound);
    const files: ExistingItem[] = [];
    await session.forEach(sources, async (item) => void files.push(item));
    if (session.exitCode !== 0) return; // not all of what was asked for is there
    const fs = await session.fs(destination);
    await fs.concat(
      destination.absolute,
      files.map(({ absolute }) => absolute),
    );
  },
});
