import { resolve } from 'node:path';
import { PathError } from '../errors.js';
import { defineVerb } from '../verb.js';

export const verb = defineVerb<{ readonly lazy?: true }>({
  define(command) {
    command
      .description(
        'Unmount what `dfs mount` has mounted. All that programs have closed or synced is in the cluster already.',
      )
      .argument('<directory...>')
      .option(
        '-l, --lazy',
        'take the directory away now, though programs use it; the mount ends when they have closed their files',
      );
  },
  async run(session, args, options) {
    const { isDead, mountedAt, MOUNT_TYPE, unmount } = await import('../../fuse/mount-table.js');
    for (const arg of args) {
      await session.attempt(arg, async () => {
        const directory = resolve(session.environment.workingDirectory, arg);
        const mount = await mountedAt(directory);
        if (mount?.type !== MOUNT_TYPE) throw new PathError(arg, 'no cluster is mounted here');
        await unmount(directory, { lazy: options.lazy === true || (await isDead(directory)) });
      });
    }
  },
});
