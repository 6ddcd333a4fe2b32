import { messageOf } from '../../../common/errors.js';
import { LocalCluster, type StartedNode } from '../../cluster/local-cluster.js';
import {
  CLUSTER_CLEAN_UP_MS,
  clusterDirectory,
  commandHint,
  type DirectoryOption,
  directoryOption,
  printStarted,
  wholeNumber,
} from '../cluster-options.js';
import type { Session } from '../session.js';
import { defineVerb } from '../verb.js';

interface Options extends DirectoryOption {
  readonly datanodes?: string;
  readonly racks?: string;
  readonly basePort?: string;
  readonly detach?: true;
}

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description(
        'Start a cluster on this machine: a NameNode and DataNodes as processes of their own, on 127.0.0.1. A cluster that was there ' +
          'before comes back with its data, and with what is asked for now: more DataNodes, other ports, other settings (-D). ' +
          'What is not running of a cluster whose NameNode has ended is started again.\n\n' +
          'Stays in the foreground until Ctrl-C, which stops the DataNodes and then the NameNode. Each process has its log in ' +
          '<directory>/logs. A process that ends by itself is told about and not started again.',
      )
      .addOption(directoryOption())
      .option('--datanodes <n>', 'number of DataNodes (default: 3)')
      .option('--racks <n>', 'number of racks, /rack1, /rack2, …, which the DataNodes take in turn (default: 2)')
      .option('--base-port <port>', "use ports from here on instead of HDFS's (8020, 9870, 9864, …)")
      .option('--detach', 'return when the cluster can be used, and leave it running');
  },
  cleanUpMs: CLUSTER_CLEAN_UP_MS,
  async run(session, _args, options) {
    const { clock } = session.environment;
    const request = {
      datanodes: wholeNumber('--datanodes', options.datanodes, 1, 1000),
      racks: wholeNumber('--racks', options.racks, 1, 1000),
      basePort: wholeNumber('--base-port', options.basePort, 1024, 65_535),
      settings: session.configuration.given(),
    };
    const cluster = await LocalCluster.prepare(clusterDirectory(session, options), request, clock);
    await session.out.line(
      `Starting a NameNode and ${cluster.layout.datanodes.length} DataNode(s) in ${cluster.directory} …`,
    );
    await session.out.flush();
    const result = await cluster.start(session.signal);
    await printStarted(session, result);
    await printHints(session, cluster, options.detach === true);
    if (!options.detach) await watch(session, cluster, result.started);
  },
});

async function printHints(session: Session, cluster: LocalCluster, detached: boolean): Promise<void> {
  const { namenode } = cluster.layout;
  await session.out.line(
    `\nThe cluster is up. NameNode: ${cluster.namenodeAddress}, metrics: http://127.0.0.1:${namenode.httpPort}/metrics`,
  );
  await session.out.line('\nTry:');
  for (const command of ['put README.md /', 'ls -h /', 'fsck / -files -blocks -racks']) {
    await session.out.line(`  ${commandHint(session, cluster, command)}`);
  }
  await session.out.line(
    detached ? `\nStop it: ${commandHint(session, cluster, 'cluster stop')}` : '\nCtrl-C stops it.',
  );
  await session.out.flush();
}

/** Returns when the user stops the cluster, or somebody else has. */
async function watch(session: Session, cluster: LocalCluster, started: readonly StartedNode[]): Promise<void> {
  const stopped = new Promise<'stopped'>((resolve) => {
    session.signal.addEventListener('abort', () => resolve('stopped'), { once: true });
    if (session.signal.aborted) resolve('stopped');
  });
  const allEnded = Promise.all(started.map((node) => tellEnd(session, node))).then(() => 'ended' as const);
  if ((await Promise.race([stopped, allEnded])) === 'ended') {
    await session.out.line('All processes that were started here have ended.');
    return;
  }
  await session.out.line('\nStopping …');
  await session.out.flush();
  await cluster.stop(async ({ node, how }) => {
    await session.out.line(
      how === 'killed' ? `${node.title} did not stop in time and was killed.` : `${node.title} stopped.`,
    );
    await session.out.flush();
  });
}

async function tellEnd(session: Session, { node, pid, logFile, ended }: StartedNode): Promise<void> {
  const { code, signal } = await ended;
  if (session.signal.aborted) return;
  const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
  await session.warn(`${node.title} (pid ${pid}) has ended ${how}. Its log: ${logFile}`).catch((error: unknown) => {
    session.exitCode = 1; // nobody reads the output any more; the cluster runs on
    return messageOf(error);
  });
}
