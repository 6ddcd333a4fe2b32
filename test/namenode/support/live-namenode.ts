import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../common/clock.js';
import { loadConfiguration } from '../../../common/config/configuration.js';
import { createLogger } from '../../../common/logging.js';
import { nodeDisk } from '../../../common/node-disk.js';
import { systemRandom } from '../../../common/random.js';
import { connectService } from '../../../common/rpc/grpc-client.js';
import type { ClientProtocolClient } from '../../../common/rpc/services.js';
import { tcpNetwork } from '../../../common/tcp-channel.js';
import { type RunningNamenode, startNamenode } from '../../../namenode/namenode.js';
import { formatNameDirectory } from '../../../namenode/storage/name-directory.js';

const SETTINGS = {
  'dfs.namenode.rpc-address': '127.0.0.1:0',
  'dfs.namenode.http-address': '127.0.0.1:0',
  'dfs.namenode.safemode.extension': '0',
};

/** A NameNode in this process, reached over gRPC on a free port, without DataNodes. Its superuser is "hdfs-test". */
export interface LiveNamenode {
  readonly namenode: RunningNamenode;
  readonly client: ClientProtocolClient;
  /** Stops it and starts it again on the same directory. */
  restart(): Promise<LiveNamenode>;
  stop(): Promise<void>;
}

export async function startLiveNamenode(settings: Readonly<Record<string, string>> = {}): Promise<LiveNamenode> {
  const directory = mkdtempSync(join(tmpdir(), 'mini-hdfs-namenode-'));
  const identity = { clusterId: 'CID-live', owner: 'hdfs-test', group: 'supergroup', timeMs: 1 };
  await formatNameDirectory({ disk: nodeDisk, directory, ...identity, force: false });
  return await startOn(directory, settings);
}

async function startOn(directory: string, settings: Readonly<Record<string, string>>): Promise<LiveNamenode> {
  const overrides = {
    ...SETTINGS,
    'dfs.namenode.name.dir': directory,
    'hadoop.user.group.static.mapping.overrides': 'hdfs-test=supergroup;alice=users',
    ...settings,
  };
  const namenode = await startNamenode({
    configuration: loadConfiguration({ overrides }),
    clock: systemClock,
    random: systemRandom,
    disk: nodeDisk,
    network: tcpNetwork,
    logger: createLogger({ name: 'test', level: 'silent' }),
    onFatal(error) {
      throw error;
    },
  });
  const { client, close } = connectService('ClientProtocol', `127.0.0.1:${namenode.rpcPort}`, {
    defaultTimeoutMs: 20_000,
  });
  const stop = async () => {
    close();
    await namenode.stop();
  };
  return {
    namenode,
    client,
    async restart() {
      await stop();
      return await startOn(directory, settings);
    },
    async stop() {
      await stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
