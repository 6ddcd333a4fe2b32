/** `dfs namenode`: the process of a NameNode, and making its directory. */
import { join } from 'node:path';
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
import { type Backup, backUp, restore } from './storage/backup.js';
import { formatNameDirectory } from './storage/name-directory.js';
import { diagnose, isSound, lostTransactions, recover } from './storage/recovery.js';

interface NamenodeArguments extends ServerOptions {
  readonly format?: true;
  readonly backup?: string;
  readonly restore?: string;
  readonly recover?: true;
  readonly from?: string;
  readonly force?: true;
  readonly clusterId?: string;
}

/** As HDFS spells them. */
const HDFS_FLAGS: ReadonlySet<string> = new Set(['-format', '-recover', '-force']);

/** Runs until the process is told to stop; ends it with exit code 1 and one sentence when it cannot start or go on. */
export async function main(argv: readonly string[]): Promise<void> {
  const command = serverCommand('dfs namenode', 'Runs a NameNode, or makes the directory of a new one.')
    .option('--format', 'make the directory of a new, empty namespace, and end')
    .option(
      '--backup <dir>',
      'copy the metadata to a new directory, check the copy, and end; a NameNode may be running',
    )
    .option('--restore <dir>', 'check a backup, make the directory from it, and end')
    .option('--recover', 'make a damaged directory usable again, as far as it can be, and end')
    .option('--from <dir>', 'with --recover: a backup, should the tables be damaged')
    .option(
      '--force',
      'with --format and --restore: throw away what is in the directory; with --recover: what cannot be kept',
    )
    .option('--cluster-id <id>', 'with --format: the id of the cluster (default: a new one)');
  try {
    command.parse(
      argv.map((arg) => (HDFS_FLAGS.has(arg) ? `-${arg}` : arg)),
      { from: 'user' },
    );
    const options = command.opts<NamenodeArguments>();
    const configuration = configurationOf(options);
    if (options.format === true) await format(configuration, options);
    else if (options.backup !== undefined) await makeBackup(configuration, options.backup);
    else if (options.restore !== undefined) await restoreBackup(configuration, options.restore, options.force === true);
    else if (options.recover === true) await recoverDirectory(configuration, options);
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

async function makeBackup(configuration: Configuration, target: string): Promise<void> {
  const backup = await backUp(nodeDisk, configuration.get('dfs.namenode.name.dir'), target);
  process.stdout.write(`Backed up ${describe(backup)} to ${target}, and checked it.\n`);
}

async function restoreBackup(configuration: Configuration, source: string, force: boolean): Promise<void> {
  const directory = configuration.get('dfs.namenode.name.dir');
  const backup = await restore(nodeDisk, source, directory, force);
  process.stdout.write(`Restored ${describe(backup)} to ${directory}.\n`);
}

async function recoverDirectory(configuration: Configuration, { from, force }: NamenodeArguments): Promise<void> {
  const say = (line: string): boolean => process.stdout.write(`${line}\n`);
  const directory = configuration.get('dfs.namenode.name.dir');
  const options = {
    disk: nodeDisk,
    directory,
    backup: from,
    owner: superuserName(),
    group: configuration.get('dfs.permissions.superusergroup'),
    timeMs: systemClock.now(),
    logger: createLogger({ name: 'namenode', level: 'error' }),
  };
  const diagnosis = await diagnose(options);
  for (const finding of diagnosis.findings) say(finding);
  if (isSound(diagnosis)) {
    say(`${directory} needs no recovery: a start repairs by itself what a crash leaves.`);
    return;
  }
  const { lastTxid, lastKnownTxid } = diagnosis.log;
  const lost = lostTransactions(diagnosis);
  say(
    lost === 0
      ? `Everything up to transaction ${lastTxid} can be kept.`
      : `Transactions up to ${lastTxid} can be kept; ${lost}, from ${lastTxid + 1} to ${lastKnownTxid}, would be lost.`,
  );
  if (lost > 0 && force !== true) {
    throw new DfsError('DamagedMetadata', 'nothing was changed. To give up those transactions, add --force');
  }
  const recovered = await recover(options, diagnosis);
  say(`Recovered up to transaction ${recovered}. What was there is in ${join(directory, 'current')}/damaged-….`);
}

function describe({ clusterId, lastTxid }: Backup): string {
  return `cluster ${clusterId} up to transaction ${lastTxid}`;
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
