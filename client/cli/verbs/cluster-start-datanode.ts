import { type DirectoryOption, directoryOption, openCluster, printStarted } from '../cluster-options.js';
import { UsageError } from '../errors.js';
import { defineVerb } from '../verb.js';

interface Options extends DirectoryOption {
  readonly rack?: string;
}

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description(
        'Add a DataNode to a cluster on this machine and start it; or, with a DataNode given, start that one again. A DataNode is given ' +
          'by its number (2), its address (127.0.0.1:9876) or its last pid, as `dfs cluster status` shows them.',
      )
      .argument('[datanode]')
      .addOption(directoryOption())
      .option('--rack <rack>', 'the rack of a new DataNode (default: the racks in turn)');
  },
  async run(session, args, options) {
    const [name, ...more] = args;
    if (more.length > 0) throw new UsageError('only one DataNode can be given.');
    if (name !== undefined && options.rack !== undefined) throw new UsageError('--rack is for new DataNodes only.');
    if (options.rack !== undefined && !/^(\/[^/\s]+)+$/.test(options.rack)) {
      throw new UsageError(`'${options.rack}' is not a rack: it must be a path such as /rack1 or /dc1/rack7.`);
    }
    const cluster = await openCluster(session, options);
    const result =
      name === undefined
        ? await cluster.addDatanode(options.rack, session.signal)
        : await cluster.startDatanode(await cluster.findDatanode(name), session.signal);
    await printStarted(session, result);
  },
});
