/** `dfs namenode`: the process of a NameNode, and making its directory. */
import { systemClock } from '../common/clock.js';
import type { Configuration } from '../common/config/configuration.js';
import { DfsError, messageOf } from '../common/errors.js';
import { createLogger } from '../common/logging.js';
import { nodeDisk } from '../common/node-disk.js';
import { runServer } from '../common/process.js';
import { systemRandom, uuid } from '../common/random.js';
import { configurationOf, type ServerOptions, serverCommand } from '../common/server-command.js';
import { tcpNetwork } from '../common/tcp-channel.js';
import { startNamenode } from './namenode.js';
import { superuserName } from './namenode-core.js';
import { formatNameDirectory } from './storage/name-directory.js';

interface NamenodeArguments extends ServerOptions {
  readonly format?: true;
  readonly force?: true;
  readonly clusterId?: string;
}

/** Runs until the process is told to stop; ends it with exit code 1 and one sentence when it cannot start or go on. */
export async function main(argv: readonly string[]): Promise<void> {
  const command = serverCommand('dfs namenode', 'Runs a NameNode, or makes the directory of a new one.')
    .option('--format', 'make the directory of a new, empty namespace, and end')
    .option('--force', 'with --format: throw away what is in the directory')
    .option('--cluster-id <id>', 'with --format: the id of the cluster (default: a new one)');
  try {
    // HDFS spells it -format.
    command.parse(
      argv.map((arg) => (arg === '-format' ? '--format' : arg)),
      { from: 'user' },
    );
    const options = command.opts<NamenodeArguments>();
    const configuration = configurationOf(options);
    if (options.format === true) await format(configuration, options);
    else await run(configuration);
  } catch (error) {
    process.stderr.write(`namenode: ${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}

async function format(configuration: Configuration, { force, clusterId }: NamenodeArguments): Promise<void> {
  const directory = configuration.get('dfs.namenode.name.dir');
  const id = checkClusterId(clusterId ?? `CID-${uuid(systemRandom)}`);
  await formatNameDirectory({
    disk: nodeDisk,
    directory,
    clusterId: id,
    owner: superuserName(),
    group: configuration.get('dfs.permissions.superusergroup'),
    timeMs: systemClock.now(),
    force: force === true,
  });
  process.stdout.write(`Formatted ${directory} for cluster ${id}.\n`);
}

/** It stands in files of its own format, and in messages. */
function checkClusterId(id: string): string {
  if (/^[A-Za-z0-9._-]{1,100}$/.test(id)) return id;
  throw new DfsError('InvalidConfiguration', `--cluster-id takes letters, digits, ".", "_" and "-", not "${id}"`);
}

async function run(configuration: Configuration): Promise<void> {
  const logger = createLogger({ name: 'namenode', level: configuration.get('dfs.log.level') });
  const onFatal = (error: DfsError): void => {
    logger.fatal({ err: error }, 'the NameNode cannot go on; nothing that was acknowledged is lost');
    process.stderr.write(`namenode: ${error.message}\n`);
    process.exit(1);
  };
  await runServer('namenode', () =>
    startNamenode({
      configuration,
      clock: systemClock,
      random: systemRandom,
      disk: nodeDisk,
      network: tcpNetwork,
      logger,
      onFatal,
    }),
  );
}
