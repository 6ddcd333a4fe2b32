import {
  CLUSTER_CLEAN_UP_MS,
  type DirectoryOption,
  directoryOption,
  openCluster,
  printStarted,
} from '../cluster-options.js';
import { UsageError } from '../errors.js';
import { defineVerb } from '../verb.js';

interface Options extends DirectoryOption {
  readonly new?: true;
  readonly rack?: string;
}

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description(
        'Start a DataNode of a cluster on this machine. It is given by its number (2), its address (127.0.0.1:9876) or its last pid, as ' +
          '`dfs cluster status` shows them. When none is given: the first one that is not running, or, when all are running, a new one.',
      )
      .argument('[datanode]')
      .addOption(directoryOption())
      .option('--new', 'add a new one in any case')
      .option('--rack <rack>', 'add a new one on this rack (default: the racks in turn)');
  },
  cleanUpMs: CLUSTER_CLEAN_UP_MS,
  async run(session, args, options) {
    const [name, ...more] = args;
    const isNew = options.new === true || options.rack !== undefined;
    if (more.length > 0) throw new UsageError('only one DataNode can be given.');
    if (name !== undefined && isNew) throw new UsageError('--new and --rack are for new DataNodes: none can be given.');
    if (options.rack !== undefined && !/^(\/[^/\s]+)+$/.test(options.rack)) {
      throw new UsageError(`'${options.rack}' is not a rack: it must be a path such as /rack1 or /dc1/rack7.`);
    }
    const cluster = await openCluster(session, options);
    const existing = name === undefined ? await cluster.firstStoppedDatanode() : await cluster.findDatanode(name);
    const result =
      existing === undefined || isNew
        ? await cluster.addDatanode(options.rack, session.signal)
        : await cluster.startDatanode(existing, session.signal);
    await printStarted(session, result);
  },
});
