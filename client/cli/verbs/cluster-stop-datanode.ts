import { CLUSTER_CLEAN_UP_MS, type DirectoryOption, directoryOption, openCluster } from '../cluster-options.js';
import { UsageError } from '../errors.js';
import { defineVerb } from '../verb.js';

export const verb = defineVerb<DirectoryOption>({
  define(command) {
    command
      .description(
        'Stop one DataNode of a cluster on this machine: by its number (2), its address (127.0.0.1:9876) or its pid, as ' +
          '`dfs cluster status` shows them. Its data stays, and `dfs cluster start-datanode` starts it again.',
      )
      .argument('<datanode>')
      .addOption(directoryOption());
  },
  cleanUpMs: CLUSTER_CLEAN_UP_MS,
  async run(session, args, options) {
    if (args.length > 1) throw new UsageError('only one DataNode can be given.');
    const cluster = await openCluster(session, options);
    const datanode = await cluster.findDatanode(args[0] as string);
    const title = `DataNode ${datanode.index}`;
    const how = await cluster.stopDatanode(datanode);
    if (how === 'absent') await session.out.line(`${title} was not running.`);
    else
      await session.out.line(how === 'killed' ? `${title} did not stop in time and was killed.` : `${title} stopped.`);
  },
});
