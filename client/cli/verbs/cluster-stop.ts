import { CLUSTER_CLEAN_UP_MS, type DirectoryOption, directoryOption, openCluster } from '../cluster-options.js';
import { defineVerb } from '../verb.js';

export const verb = defineVerb<DirectoryOption>({
  define(command) {
    command
      .description('Stop the processes of a cluster on this machine: the DataNodes, then the NameNode. Its data stays.')
      .addOption(directoryOption());
  },
  cleanUpMs: CLUSTER_CLEAN_UP_MS,
  async run(session, _args, options) {
    const cluster = await openCluster(session, options);
    let count = 0;
    await cluster.stop(async ({ node, how }) => {
      count += 1;
      await session.out.line(
        how === 'killed' ? `${node.title} did not stop in time and was killed.` : `${node.title} stopped.`,
      );
    });
    if (count === 0) await session.out.line(`No process of the cluster in ${cluster.directory} was running.`);
  },
});
