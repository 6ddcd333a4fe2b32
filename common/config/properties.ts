/**
 * Every setting of the cluster. Names and meanings are HDFS's where HDFS has the setting; where our default differs from HDFS's,
 * the text says why. A number without a unit counts in the unit that HDFS uses for that name.
 */

import type { Property } from './kinds.js';
import {
  boolean,
  choice,
  duration,
  durationOrNever,
  fraction,
  hostPort,
  int,
  mode,
  path,
  pathList,
  rack,
  size,
  string,
} from './kinds.js';

export const PROPERTIES = {
  // ---- Files ---------------------------------------------------------------------------------------------------------
  'dfs.blocksize': size('128m', 'Block size of new files.', { min: 512 }),
  'dfs.replication': int('3', 'Replicas of each block of new files.', { min: 1, max: 512 }),
  'dfs.replication.max': int('512', 'The most replicas that a file may ask for.', { min: 1, max: 512 }),
  'dfs.bytes-per-checksum': size(
    '4096',
    'Bytes that one checksum covers in new blocks. HDFS has 512; larger chunks cost a third of the time to verify.',
    { min: 16, max: 1024 ** 2 },
  ),
  'dfs.checksum.type': choice(['CRC32C', 'CRC32', 'NULL'], 'CRC32C', 'Checksum of new blocks.'),
  'fs.permissions.umask-mode': mode('022', 'Permission bits that new files and directories do not get.'),

  // ---- Addresses -----------------------------------------------------------------------------------------------------
  'dfs.namenode.rpc-address': hostPort('127.0.0.1:8020', 'Where the NameNode answers clients and DataNodes.'),
  'dfs.namenode.http-address': hostPort('127.0.0.1:9870', 'Where the NameNode serves health and metrics.'),
  'dfs.datanode.address': hostPort('127.0.0.1:9866', 'Where a DataNode takes and gives block data.'),
  'dfs.datanode.ipc.address': hostPort('127.0.0.1:9867', 'Where a DataNode serves gRPC.'),
  'dfs.datanode.http.address': hostPort('127.0.0.1:9864', 'Where a DataNode serves health and metrics.'),
  'dfs.datanode.hostname': string(
    '',
    'Name under which others reach this DataNode. Empty: the host of dfs.datanode.address.',
  ),
  'dfs.datanode.rack': rack('/default-rack', 'Rack of this DataNode.'),

  // ---- Messages ------------------------------------------------------------------------------------------------------
  'ipc.maximum.data.length': size('64m', 'Largest message that a server takes.', { min: 64 * 1024, max: 1024 ** 3 }),
  'ipc.client.connect.timeout': duration('ms', '20s', 'How long a client waits for a connection.', { min: 1 }),
  'ipc.client.rpc-timeout.ms': duration('ms', '60s', 'How long a client waits for the answer to a call.', { min: 1 }),

  // ---- NameNode: storage ---------------------------------------------------------------------------------------------
  'dfs.namenode.name.dir': path('data/name', 'Directory of the namespace, block map and edit log.'),
  'dfs.namenode.checkpoint.period': duration('s', '1h', 'Longest time between two checkpoints.', { min: 1 }),
  'dfs.namenode.checkpoint.txns': int('1000000', 'Edit log records after which a checkpoint is due.', { min: 1 }),
  'dfs.namenode.num.extra.edits.retained': int(
    '100000',
    'Edit log records kept although a checkpoint holds them: with them, an older copy of the database can be brought up to date.',
  ),
  'dfs.namenode.resource.du.reserved': size(
    '100m',
    'With less free space on its disk the NameNode goes into safe mode.',
  ),
  'dfs.namenode.resource.check.interval': duration('ms', '5s', 'Time between two looks at the free space.', { min: 1 }),
  'dfs.namenode.retrycache.expirytime.millis': duration(
    'ms',
    '10m',
    'How long the answer to a call is kept for its repeats.',
    {
      min: 1,
    },
  ),

  // ---- NameNode: namespace -------------------------------------------------------------------------------------------
  'dfs.namenode.fs-limits.min-block-size': size('1m', 'Smallest block size that a file may ask for.', { min: 512 }),
  'dfs.namenode.fs-limits.max-blocks-per-file': int('10000', 'Most blocks in a file.', { min: 1 }),
  'dfs.namenode.fs-limits.max-component-length': int('255', 'Longest name of a file or directory, in bytes.', {
    min: 1,
    max: 4096,
  }),
  'dfs.namenode.fs-limits.max-directory-items': int('1048576', 'Most entries in a directory.', {
    min: 1,
    max: 6_400_000,
  }),
  'dfs.ls.limit': int('1000', 'Most entries in one page of a listing.', { min: 1, max: 100_000 }),
  'dfs.namenode.accesstime.precision': duration(
    'ms',
    '1h',
    'The time of the last access is written when it is off by more than this; 0: never.',
  ),
  'dfs.permissions.enabled': boolean('true', 'Whether permissions are checked.'),
  'dfs.permissions.superusergroup': string('supergroup', 'Members of this group may do everything.'),
  'hadoop.user.group.static.mapping.overrides': string(
    '',
    'Groups of users, overriding the system\'s: "user=group1,group2;user2=group3".',
  ),
  'dfs.namenode.lease-soft-limit-sec': duration(
    's',
    '60s',
    'Age at which another writer may take over the file of a silent one.',
    {
      min: 1,
    },
  ),
  'dfs.namenode.lease-hard-limit-sec': duration(
    's',
    '20m',
    'Age at which the NameNode itself closes the file of a vanished writer.',
    {
      min: 1,
    },
  ),

  // ---- NameNode: DataNodes and replication ---------------------------------------------------------------------------
  'dfs.heartbeat.interval': duration('s', '3s', 'Time between two heartbeats of a DataNode.', { min: 10 }),
  'dfs.namenode.heartbeat.recheck-interval': duration(
    'ms',
    '5m',
    'A DataNode is dead after twice this plus ten heartbeat intervals without a heartbeat.',
    { min: 1 },
  ),
  'dfs.namenode.stale.datanode.interval': duration(
    'ms',
    '30s',
    'A DataNode without a heartbeat for this long is used last.',
    {
      min: 1,
    },
  ),
  'dfs.blockreport.intervalMsec': duration('ms', '6h', 'Time between two full block reports of a DataNode.', {
    min: 1,
  }),
  'dfs.namenode.unreachable.datanode.interval': duration(
    'ms',
    '0',
    'A DataNode without a heartbeat for this long is dead already if its ports do not answer either. 0: no difference.',
  ),
  'dfs.namenode.replication.min': int('1', 'Replicas that a block needs before its file can be closed.', { min: 1 }),
  'dfs.namenode.redundancy.interval.seconds': duration('s', '3s', 'Time between two rounds of repair.', { min: 1 }),
  'dfs.namenode.replication.max-streams': int('2', 'Copies that one DataNode makes at a time.', { min: 1 }),
  'dfs.namenode.replication.max-streams-hard-limit': int('4', 'The same for the most urgent repairs.', { min: 1 }),
  'dfs.block.invalidate.limit': int('1000', 'Replicas that one DataNode is told to delete with one heartbeat.', {
    min: 1,
  }),
  'dfs.namenode.reconstruction.pending.timeout-sec': duration(
    's',
    '5m',
    'After this a repair that was not reported is started again.',
    {
      min: 1,
    },
  ),
  'dfs.namenode.safemode.threshold-pct': fraction(
    '0.999',
    'Share of blocks that must have their minimum of replicas before writes start.',
  ),
  'dfs.namenode.safemode.min.datanodes': int('0', 'DataNodes that must be live before writes start.'),
  'dfs.namenode.safemode.extension': duration('ms', '30s', 'How long safe mode lasts once its conditions are met.'),
  'dfs.namenode.balancer.continuous': boolean(
    'false',
    'Whether the NameNode balances by itself, not only when `dfs balancer` asks for it.',
  ),
  'dfs.namenode.balancer.threshold': int(
    '10',
    'How much fuller or emptier than the average a DataNode may be until then, in percent of its capacity.',
    { min: 1, max: 100 },
  ),
  'dfs.balancer.service.interval': duration(
    's',
    '5m',
    'With dfs.namenode.balancer.continuous: time between two looks.',
    { min: 1 },
  ),
  'dfs.balancer.max-size-to-move': size(
    '10g',
    'Most bytes that a DataNode gives or takes in one iteration of the balancer.',
    {
      min: 1,
    },
  ),
  'dfs.namenode.decommission.interval': duration(
    's',
    '30s',
    'Time between two looks at DataNodes that are being decommissioned or enter maintenance.',
    { min: 1 },
  ),
  'dfs.namenode.maintenance.replication.min': int(
    '1',
    'Live replicas that a block keeps, as far as its file asks for as many, while DataNodes with others are in maintenance.',
    { min: 0, max: 512 },
  ),

  // ---- DataNode ------------------------------------------------------------------------------------------------------
  'dfs.datanode.data.dir': pathList('data/datanode', 'Directories for blocks, one a disk.'),
  'dfs.datanode.data.dir.perm': mode(
    '700',
    'Permission bits of these directories. Who may enter them can read all blocks; a client of the same group needs 750 to read replicas on its own machine directly.',
  ),
  'dfs.datanode.failed.volumes.tolerated': int('0', 'Directories that may fail before the DataNode stops.'),
  'dfs.datanode.du.reserved': size('0', 'Bytes left free on each disk.'),
  'dfs.datanode.max.transfer.threads': int('4096', 'Most data connections at a time.', { min: 1 }),
  'dfs.datanode.synconclose': boolean(
    'true',
    'Whether a block is on stable storage before its write is acknowledged as closed. HDFS has false and loses closed files at a power failure.',
  ),
  'dfs.datanode.socket.write.timeout': duration(
    'ms',
    '8m',
    'How long a DataNode waits for a peer that takes no data.',
    { min: 1 },
  ),
  'dfs.datanode.socket.reuse.keepalive': duration(
    'ms',
    '4s',
    'How long a DataNode keeps a data connection for the next operation.',
    { min: 1 },
  ),
  'dfs.datanode.scan.period.hours': durationOrNever(
    'h',
    '21d',
    'Every replica is read and verified once in this time, if the speed below allows it. 0: 21d; -1: never.',
  ),
  'dfs.block.scanner.volume.bytes.per.second': size(
    '1m',
    'Most bytes a second that this scan reads of each disk. 0: no scan. A disk of 10 TB needs 6m to be through in 21 days.',
  ),
  'dfs.datanode.directoryscan.interval': durationOrNever(
    's',
    '6h',
    'Time between two comparisons of the directories with what is known of them. 0 or -1: never.',
  ),
  'dfs.datanode.slow.io.warning.threshold.ms': duration(
    'ms',
    '300ms',
    'A DataNode that takes longer to write a packet tells the writer that it is slow.',
    { min: 1 },
  ),
  'dfs.datanode.isolated.interval': duration(
    'ms',
    '60s',
    'A DataNode that the NameNode has not answered for longer takes no new blocks.',
    { min: 1 },
  ),
  'dfs.datanode.restart.replica.expiration': duration(
    's',
    '50s',
    'After a stop in order and a start within this time, replicas that were being written go on where they were.',
  ),
  'dfs.datanode.small-block.journal.size': size(
    '64m',
    'Most bytes of small replicas that wait on each disk, in its journal and in memory, for files of their own. From half of it on they get them before their time.',
    { min: 64 * 1024 },
  ),
  'dfs.datanode.small-block.journal.interval': duration(
    'ms',
    '30s',
    'After this time at the latest they get files of their own, unless the DataNode is ended by force.',
    { min: 1 },
  ),
  'dfs.datanode.balance.bandwidthPerSec': size('100m', 'Most bytes a second that a DataNode copies for the balancer.', {
    min: 1,
  }),
  'dfs.datanode.balance.max.concurrent.moves': int(
    '10',
    'Replicas that a DataNode gives or takes for the balancer at a time. HDFS has 100; a few use the bandwidth as well.',
    { min: 1 },
  ),

  // ---- Client --------------------------------------------------------------------------------------------------------
  'dfs.client-write-packet-size': size(
    '512k',
    'Size of the packets of a write. HDFS has 64k; larger ones cost less per byte here.',
    {
      min: 4096,
      max: 16 * 1024 ** 2,
    },
  ),
  'dfs.client.write.max-packets-in-flight': int(
    '8',
    'A writer holds at most this many times the packet size in memory, sent and not acknowledged. HDFS has 80 packets of 64k, 5 MiB in all.',
    { min: 1, max: 1024 },
  ),
  'dfs.client.write.small-block.size': size(
    '64k',
    'Blocks up to this size that are known as a whole when they are written (small files) go to the DataNodes in one message instead of through a pipeline. 0: none.',
    { max: 1024 ** 2 },
  ),
  'dfs.client.block.write.retries': int('3', 'Attempts to write one block before the write fails.', {
    min: 0,
    max: 100,
  }),
  'dfs.client.block.write.locateFollowingBlock.retries': int(
    '5',
    'Attempts to get the next block, or to close the file.',
    {
      min: 0,
      max: 100,
    },
  ),
  'dfs.client.block.write.replace-datanode-on-failure.enable': boolean(
    'true',
    'Whether a lost DataNode of a pipeline is replaced.',
  ),
  'dfs.client.block.write.replace-datanode-on-failure.policy': choice(
    ['DEFAULT', 'ALWAYS', 'NEVER'],
    'DEFAULT',
    'When it is replaced. DEFAULT, of at least three replicas: when half of them or fewer are left, or when the block was flushed or is appended to.',
  ),
  'dfs.client.block.write.replace-datanode-on-failure.best-effort': boolean(
    'true',
    'Whether the write goes on with fewer DataNodes when there is none to replace the lost one. HDFS has false, which stops writes on small clusters.',
  ),
  'dfs.client.write.exclude.nodes.cache.expiry.interval.millis': duration(
    'ms',
    '10m',
    'How long a client avoids a DataNode that failed it.',
    { min: 1 },
  ),
  'dfs.client.mark.slownode.as.badnode.threshold': int(
    '10',
    'A writer goes on without a DataNode that has been slow with so many packets in a row, if others have not been. 0: never.',
    { min: 0, max: 1_000_000 },
  ),
  'dfs.client.datanode-restart.timeout': duration(
    's',
    '30s',
    'How long a writer waits for a DataNode that has said that it restarts, if it is the only one of the pipeline or on the same machine.',
  ),
  'dfs.client.retry.max.total': duration(
    'ms',
    '60s',
    'How long a call is repeated while the NameNode does not answer: open files outlive a restart of the NameNode that takes less.',
  ),
  'dfs.client.mount.staging.dir': path(
    '/var/tmp/dfs-mount',
    'Where a mount keeps journals of what was written to the middle of files until they are closed or synced.',
  ),
  'dfs.client.mount.staging.size': size(
    '10g',
    'The most that the journals of a mount take there, of all files together, overwritten bytes included; what goes beyond it becomes blocks before its time. No file can be made longer by more than this at a time.',
    {
      min: 1024 ** 2,
    },
  ),
  'dfs.client.socketcache.capacity': int(
    '128',
    'Most connections to DataNodes that are kept for the next read. HDFS has 16, which many readers of small files at a time use up.',
    { max: 4096 },
  ),
  'dfs.client.socketcache.expiryMsec': duration(
    'ms',
    '3s',
    'How long a client keeps an idle connection to a DataNode. Must be shorter than the DataNode keeps it.',
  ),
  'dfs.client.socket-timeout': duration('ms', '60s', 'How long a client waits for a DataNode.', { min: 1 }),
  'dfs.client.max.block.acquire.failures': int('3', 'Rounds over all replicas of a block before a read fails.', {
    min: 1,
    max: 100,
  }),
  'dfs.client.hedged.read.threadpool.size': int(
    '0',
    'Most reads at a time for which a client asks a second DataNode, because the first one takes long. 0: none.',
    { min: 0, max: 4096 },
  ),
  'dfs.client.hedged.read.threshold.millis': duration('ms', '500ms', 'How long the first DataNode may take.', {
    min: 1,
  }),

  'dfs.client.read.shortcircuit': boolean(
    'true',
    'Read replicas on the same machine directly from their files, where the client may open them; others come from the DataNode.',
  ),
  'dfs.client.read.shortcircuit.streams.cache.size': int('256', 'Most such replicas that a client keeps open.', {
    min: 1,
    max: 65_536,
  }),
  'dfs.client.read.shortcircuit.streams.cache.expiry.ms': duration(
    'ms',
    '1m',
    'How long a client keeps one open that it does not read. Until then a deleted one takes space.',
    { min: 1 },
  ),

  // ---- Logs ----------------------------------------------------------------------------------------------------------
  'dfs.log.level': choice(
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal'],
    'info',
    'Least important lines that are logged.',
  ),
} as const satisfies Record<string, Property<unknown>>;

export type PropertyName = keyof typeof PROPERTIES;

export type PropertyValue<Name extends PropertyName> = NonNullable<ReturnType<(typeof PROPERTIES)[Name]['parse']>>;

export function isPropertyName(name: string): name is PropertyName {
  return Object.hasOwn(PROPERTIES, name);
}
