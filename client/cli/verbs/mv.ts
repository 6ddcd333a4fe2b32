import { checkDestination } from '../destination.js';
import { PathError } from '../errors.js';
import { expandAll } from '../get.js';
import { refuseOverlap, remoteDestination, remoteTarget, splitDestination } from '../remote-destination.js';
import { nameOf } from '../remote-path.js';
import { defineVerb } from '../verb.js';
import { clusterPathError } from '../write-remote.js';

export const verb = defineVerb({
  define(command) {
    command
      .description('Move or rename files and directories. Several sources need a directory as the destination.')
      .usage('[options] <path...> <destination>')
      .argument('<path...>');
  },
  async run(session, args) {
    const { sources, destination: destinationArg } = splitDestination(args);
    const items = await expandAll(session, sources);
    const destination = await session.destination(destinationArg);
    if (items.length > 0) await checkDestination(remoteDestination(session, destination), items.length, false);
    for (const item of items) {
      await session.attempt(item.shown, async () => {
        const target = await remoteTarget(session, destination, nameOf(item));
        refuseOverlap(item, target);
        const fs = await session.fs(item);
        if (fs !== (await session.fs(target))) throw new PathError(item.shown, 'Does not match target filesystem');
        await fs.rename(item.absolute, target.absolute, { exact: true }).catch(clusterPathError(target));
      });
    }
  },
});
