/** A whole DataNode with a disk, a network and a NameNode in memory. */
import { Configuration } from '../../../common/config/configuration.js';
import type { DfsError } from '../../../common/errors.js';
import { seededRandom } from '../../../common/random.js';
import type { Peer } from '../../../datanode/block-recovery.js';
import { Datanode } from '../../../datanode/datanode.js';
import { datanodeSettings } from '../../../datanode/datanode-settings.js';
import { DiskImage } from '../../sim/disk-image.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FaultyDisk } from '../../support/faulty-disk.js';
import { FakeNamenode } from './fake-namenode.js';
import { imageDisk } from './image-disk.js';
import { MemoryNetwork } from './memory-network.js';
import { quiet } from './store-fixture.js';

export interface DatanodeFixture {
  readonly datanode: Datanode;
  readonly namenode: FakeNamenode;
  readonly network: MemoryNetwork;
  readonly clock: FakeClock;
  readonly disk: FaultyDisk;
  readonly image: DiskImage;
  readonly fatal: DfsError[];
  /** Registers, and lets the talk with the NameNode begin. */
  join(): Promise<void>;
}

export interface DatanodeFixtureOptions {
  readonly namenode?: FakeNamenode;
  readonly image?: DiskImage;
  readonly settings?: Readonly<Record<string, string>>;
  readonly connectPeer?: (host: string) => Peer;
}

const noPeers = (): Peer => {
  throw new Error('there are no other DataNodes');
};

interface Teardown {
  teardown(action: () => Promise<void>): void;
}

const SETTINGS = {
  'dfs.datanode.data.dir': '/data',
  'dfs.datanode.address': 'dn1:9866',
  'dfs.bytes-per-checksum': '1024',
  'dfs.client-write-packet-size': '4096',
  // Tests of the scan turn it on.
  'dfs.block.scanner.volume.bytes.per.second': '0',
};

export async function openDatanode(t: Teardown, options: DatanodeFixtureOptions = {}): Promise<DatanodeFixture> {
  const { namenode = new FakeNamenode(), image = new DiskImage(), settings = {} } = options;
  const clock = new FakeClock();
  const network = new MemoryNetwork(clock);
  const disk = new FaultyDisk(imageDisk(image));
  const fatal: DfsError[] = [];
  const given = Object.entries({ ...SETTINGS, ...settings }).map(([name, text]) => [name, text, 'in a test'] as const);
  const datanode = await Datanode.open(
    {
      clock,
      random: seededRandom(7),
      disk,
      network,
      namenode: namenode.client,
      connectPeer: options.connectPeer ?? noPeers,
      lockDirectory: async () => ({ release: () => {} }),
      logger: quiet,
      onFatal: (error) => void fatal.push(error),
    },
    datanodeSettings(new Configuration(given)),
  );
  await datanode.listen();
  const join = (): Promise<void> => datanode.join({ rpcPort: 9867, httpPort: 9864 }, new AbortController().signal);
  t.teardown(() => datanode.stop());
  return { datanode, namenode, network, clock, disk, image, fatal, join };
}
