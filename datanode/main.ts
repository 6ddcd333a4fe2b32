/** `dfs datanode`: the process of a DataNode. */
import { systemClock } from '../common/clock.js';
import type { Configuration } from '../common/config/configuration.js';
import { formatHostPort } from '../common/config/kinds.js';
import { type DfsError, messageOf } from '../common/errors.js';
import { startHttp } from '../common/http/http-server.js';
import { lockDirectory } from '../common/lock-file.js';
import { createLogger, type Logger } from '../common/logging.js';
import { nodeDisk } from '../common/node-disk.js';
import { type RunningServer, runServer } from '../common/process.js';
import { systemRandom } from '../common/random.js';
import { connectService } from '../common/rpc/grpc-client.js';
import { GrpcServer } from '../common/rpc/grpc-server.js';
import { configurationOf, type ServerOptions, serverCommand } from '../common/server-command.js';
import { tcpNetwork } from '../common/tcp-channel.js';
import type { Peer } from './block-recovery.js';
import { Datanode } from './datanode.js';
import { datanodeSettings } from './datanode-settings.js';
import { datanodeMetrics } from './http/metrics.js';

/** A DataNode without an answer to its heartbeats for so long is not healthy: the NameNode does not use it any more. */
const UNHEALTHY_AFTER_MS = 60_000;
/** Calls under way may take so long to end when the process stops. */
const STOP_GRACE_MS = 1000;

/** Runs until the process is told to stop; ends it with exit code 1 and one sentence when it cannot start or go on. */
export async function main(argv: readonly string[]): Promise<void> {
  const command = serverCommand('dfs datanode', 'Runs a DataNode.');
  try {
    command.parse([...argv], { from: 'user' });
    const configuration = configurationOf(command.opts<ServerOptions>());
    const logger = createLogger({ name: 'datanode', level: configuration.get('dfs.log.level') });
    await runServer('datanode', (shutdown) => startDatanode(configuration, logger, shutdown));
  } catch (error) {
    process.stderr.write(`datanode: ${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}

/** What was started, in order; ended in the opposite order. */
class Started {
  readonly #stops: (() => Promise<void> | void)[] = [];

  onStop(stop: () => Promise<void> | void): void {
    this.#stops.unshift(stop);
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) await stop();
  }
}

async function startDatanode(
  configuration: Configuration,
  logger: Logger,
  shutdown: AbortSignal,
): Promise<RunningServer> {
  const started = new Started();
  const onFatal = (error: DfsError): void => {
    logger.fatal({ err: error }, 'the DataNode cannot go on');
    process.stderr.write(`datanode: ${error.message}\n`);
    void started.stop().finally(() => process.exit(1));
  };
  try {
    await start(configuration, logger, shutdown, started, onFatal);
    return started;
  } catch (error) {
    await started.stop();
    throw error;
  }
}

/** Everything listens before the NameNode is told the ports; and only what the NameNode has taken in is ready. */
async function start(
  configuration: Configuration,
  logger: Logger,
  shutdown: AbortSignal,
  started: Started,
  onFatal: (error: DfsError) => void,
): Promise<void> {
  const maxMessageBytes = configuration.get('ipc.maximum.data.length');
  const namenodeAddress = formatHostPort(configuration.get('dfs.namenode.rpc-address'));
  const namenode = connectService('DatanodeProtocol', namenodeAddress, {
    defaultTimeoutMs: configuration.get('ipc.client.rpc-timeout.ms'),
    maxMessageBytes,
    // Heartbeats are seconds apart.
    session: 'kept',
  });
  started.onStop(() => namenode.close());

  const connectPeer = (host: string, port: number): Peer =>
    connectService('InterDatanodeProtocol', formatHostPort({ host, port }), {
      defaultTimeoutMs: configuration.get('ipc.client.rpc-timeout.ms'),
    });

  const world = { clock: systemClock, random: systemRandom, disk: nodeDisk, network: tcpNetwork, lockDirectory };
  const datanode = await Datanode.open(
    { ...world, namenode: namenode.client, connectPeer, logger, onFatal },
    datanodeSettings(configuration),
  );
  started.onStop(() => datanode.stop());
  const { dataPort } = await datanode.listen();

  const grpc = new GrpcServer({ logger, maxMessageBytes });
  grpc.addService('BlockStream', datanode.blockStream);
  grpc.addService('InterDatanodeProtocol', datanode.interDatanode);
  const ipc = configuration.get('dfs.datanode.ipc.address');
  const rpcPort = await grpc.listen(ipc.host, ipc.port);
  started.onStop(() => grpc.stop(STOP_GRACE_MS));

  const web = configuration.get('dfs.datanode.http.address');
  const health = (): { healthy: boolean; details: Record<string, unknown> } => healthOf(datanode);
  const http = await startHttp({ ...web, registry: datanodeMetrics(datanode), health, logger });
  started.onStop(() => http.close());

  await datanode.join({ rpcPort, httpPort: http.port }, shutdown);
  const data = configuration.get('dfs.datanode.address');
  const addresses = {
    data: formatHostPort({ ...data, port: dataPort }),
    rpc: formatHostPort({ ...ipc, port: rpcPort }),
    http: formatHostPort({ ...web, port: http.port }),
  };
  logger.info({ ...addresses, namenode: namenodeAddress, uuid: datanode.volumes.datanodeUuid }, 'DataNode ready');
}

function healthOf(datanode: Datanode): { healthy: boolean; details: Record<string, unknown> } {
  const status = datanode.status();
  const isHeard = status.lastContactMs !== undefined && status.lastContactMs < UNHEALTHY_AFTER_MS;
  return { healthy: status.registered && isHeard && status.failedVolumes === 0, details: { ...status } };
}
