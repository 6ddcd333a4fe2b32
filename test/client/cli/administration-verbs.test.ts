import test from 'ava';
import type {
  BalancerStatus,
  DatanodeReport,
  FsckBlock,
  FsckFile,
  FsckReplica,
  FsckSummary,
} from '../../../client/index.js';
import { DfsError } from '../../../common/errors.js';
import { fakeFileSystem, runCli } from './run-cli.js';

function address(index: number): DatanodeReport['datanode'] {
  return {
    uuid: `uuid-${index}`,
    host: '127.0.0.1',
    dataPort: 9866 + 10 * index,
    rpcPort: 9867 + 10 * index,
    httpPort: 9864 + 10 * index,
  };
}

function replica(index: number, state = 'LIVE'): FsckReplica {
  return { datanode: address(index), rack: `/rack${index}`, state };
}

function block(id: number, replicas: readonly FsckReplica[], change: Partial<FsckBlock> = {}): FsckBlock {
  const live = replicas.filter(({ state }) => state === 'LIVE').length;
  return {
    block: { blockId: id, generationStamp: 1000 + id, numBytes: 10 },
    replicas,
    underConstruction: false,
    live,
    misReplicated: false,
    ...change,
  };
}

function file(path: string, blocks: readonly FsckBlock[]): FsckFile {
  return { path, length: 10 * blocks.length, replication: 2, underConstruction: false, blocks };
}

function summary(change: Partial<FsckSummary> = {}): FsckSummary {
  return {
    totalFiles: 2,
    totalDirectories: 1,
    totalBytes: 20,
    totalBlocks: 2,
    underReplicated: 0,
    overReplicated: 0,
    misReplicated: 0,
    corrupt: 0,
    missing: 0,
    datanodes: 3,
    racks: 2,
    ...change,
  };
}

function cluster(files: readonly FsckFile[], counts: Partial<FsckSummary> = {}) {
  const fs = fakeFileSystem();
  fs.fsckSteps = [
    ...files.map((each) => ({ kind: 'file' as const, file: each })),
    { kind: 'summary', summary: summary(counts) },
  ];
  return fs;
}

const healthy = [file('/a', [block(1, [replica(1), replica(2)])]), file('/b', [block(2, [replica(1), replica(2)])])];

test("fsck of healthy files → HDFS's summary, exit code 0", async (t) => {
  const { code, stdout } = await runCli(cluster(healthy), ['fsck', '/']);
  t.is(code, 0);
  t.regex(stdout, /^FSCK started by alice for path \/\n\nStatus: HEALTHY\n Total size: +20 B\n Total files: +2\n/);
  t.regex(
    stdout,
    /\n Total blocks \(validated\): +2 \(avg\. block size 10 B\)\n Minimally replicated blocks: +2 \(100\.0%\)\n/,
  );
  t.regex(stdout, /\n Default replication factor: +3\n Average block replication: +2\n/);
  t.regex(stdout, /\n Number of data-nodes: +3\n Number of racks: +2\n/);
  t.regex(stdout, /\nThe filesystem under path '\/' is HEALTHY\n$/);
});

test('fsck of an empty tree → no division by zero', async (t) => {
  const { code, stdout } = await runCli(cluster([], { totalBlocks: 0, totalBytes: 0 }), ['fsck', '/']);
  t.is(code, 0);
  t.false(/NaN|Infinity/.test(stdout));
});

test('fsck -files -blocks -locations -racks → more of each file', async (t) => {
  const lines = async (...flags: string[]) =>
    (await runCli(cluster(healthy.slice(0, 1)), ['fsck', '/', ...flags])).stdout.split('\n').slice(1, 3);
  t.deepEqual(await lines('-files'), ['/a 10 bytes, replicated: replication=2, 1 block(s):  OK', '']);
  t.is((await lines('-files', '-blocks'))[1], '0. blk_1_1001 len=10 Live_repl=2');
  t.is((await lines('-locations'))[1], '0. blk_1_1001 len=10 Live_repl=2  [127.0.0.1:9876, 127.0.0.1:9886]');
  t.is((await lines('-racks'))[1], '0. blk_1_1001 len=10 Live_repl=2  [/rack1/127.0.0.1:9876, /rack2/127.0.0.1:9886]');
});

test('fsck -openforwrite → the files that are being written, and no others', async (t) => {
  const open = { ...file('/open', [block(2, [], { underConstruction: true })]), underConstruction: true };
  const { stdout, code } = await runCli(cluster([...healthy, open]), ['fsck', '/', '-openforwrite']);
  t.is(code, 0);
  t.deepEqual(stdout.split('\n').slice(1, 3), [
    '/open 10 bytes, replicated: replication=2, 1 block(s), OPENFORWRITE:  OK',
    '',
  ]);
});

test('fsck of missing, corrupt and under-replicated blocks → what is wrong, exit code 1', async (t) => {
  const files = [
    file('/missing', [block(1, [])]),
    file('/corrupt', [block(2, [replica(1, 'CORRUPT')])]),
    file('/under', [block(3, [replica(1), replica(2, 'CORRUPT')], { misReplicated: true })]),
    file('/open', [block(4, [], { underConstruction: true })]),
  ];
  const { code, stdout } = await runCli(cluster(files, { missing: 1, corrupt: 1, underReplicated: 1 }), ['fsck', '/']);
  t.is(code, 1);
  t.regex(stdout, /\n\/missing: {2}MISSING block blk_1_1001 of 10 bytes/);
  t.regex(stdout, /\n\/corrupt: {2}CORRUPT block blk_2_1002/);
  t.regex(
    stdout,
    /\n\/under: {2}Under replicated blk_3_1003\. Target Replicas is 2 but found 1 live replica\(s\), 1 corrupt\./,
  );
  t.regex(stdout, /\n\/under: {2}Replica placement policy is violated for blk_3_1003/);
  t.false(stdout.includes('/open'));
  t.regex(stdout, /Missing replicas: +5 \(83\.3%\)/);
  t.regex(stdout, /\nThe filesystem under path '\/' is CORRUPT\n$/);
});

test('fsck: blocks with too few replicas are no damage', async (t) => {
  const { code, stdout } = await runCli(cluster([file('/u', [block(1, [replica(1)])])], { underReplicated: 1 }), [
    'fsck',
    '/',
  ]);
  t.is(code, 0);
  t.regex(stdout, /is HEALTHY/);
});

test('fsck: replicas on DataNodes that are on their way out are there, and shown as such', async (t) => {
  const leaving = block(1, [replica(1), replica(2, 'DECOMMISSIONING')]);
  const { code, stdout } = await runCli(cluster([file('/f', [leaving])]), ['fsck', '/', '-locations']);
  t.is(code, 0);
  t.regex(
    stdout,
    /\n0\. blk_1_1001 len=10 Live_repl=1 {2}\[127\.0\.0\.1:9876, 127\.0\.0\.1:9886 \(DECOMMISSIONING\)\]\n/,
  );
  t.regex(stdout, /\n Missing replicas: +0 \(0\.0%\)\n/);
  t.false(stdout.includes('Under replicated'));
  const only = await runCli(cluster([file('/f', [block(1, [replica(2, 'IN_MAINTENANCE')])])]), ['fsck', '/']);
  t.false(only.stdout.includes('MISSING'));
});

test('fsck --json → status, counts, files, blocks, locations', async (t) => {
  const files = [file('/a b', [block(1, [replica(1), replica(2), replica(3, 'CORRUPT')])]), file('/empty', [])];
  const { code, stdout } = await runCli(cluster(files), ['fsck', '/', '--json']);
  t.is(code, 0);
  t.deepEqual(JSON.parse(stdout), {
    path: '/',
    status: 'HEALTHY',
    totalFiles: 2,
    totalDirectories: 1,
    totalBytes: 20,
    totalBlocks: 2,
    underReplicated: 0,
    overReplicated: 0,
    misReplicated: 0,
    corrupt: 0,
    missing: 0,
    datanodes: 3,
    racks: 2,
    files: [
      {
        path: '/a b',
        length: 10,
        replication: 2,
        blocks: [
          {
            blockId: 1,
            generationStamp: 1001,
            length: 10,
            locations: [
              { datanode: '127.0.0.1:9876', rack: '/rack1', state: 'live' },
              { datanode: '127.0.0.1:9886', rack: '/rack2', state: 'live' },
            ],
          },
        ],
      },
      { path: '/empty', length: 0, replication: 2, blocks: [] },
    ],
  });
});

test('fsck --json of damaged and of no files', async (t) => {
  const damaged = await runCli(cluster([], { missing: 1 }), ['fsck', '/', '--json']);
  t.is(damaged.code, 1);
  t.like(JSON.parse(damaged.stdout), { status: 'CORRUPT', missing: 1, files: [] });
});

test("fsck of nothing → HDFS's words, and no half JSON", async (t) => {
  for (const args of [['--json'], []]) {
    const fs = fakeFileSystem();
    fs.fsckError = new DfsError('FileNotFound', 'x');
    const { code, stdout, stderr } = await runCli(fs, ['fsck', '/x', ...args]);
    t.is(code, 1);
    t.is(stderr, "fsck: `/x': No such file or directory\n");
    t.false(stdout.includes('{'));
  }
});

const datanodes: DatanodeReport[] = (['live', 'stale', 'dead', 'live'] as const).map((state, i) => ({
  datanode: address(i),
  rack: `/rack${(i % 2) + 1}`,
  state,
  capacityBytes: 4096,
  usedBytes: 1024,
  remainingBytes: 2048,
  blocks: i,
  activeTransfers: 2,
  lastContactMs: 1500,
  failedVolumes: 0,
  version: '0.1.0',
  adminState: i === 3 ? 'decommission-in-progress' : 'normal',
  maintenanceExpiresMs: 0,
  leaving:
    i === 3
      ? { blocksLeft: 12, bytesLeft: 3 * 2 ** 20, blocksWithoutLive: 1, blocksInOpenFiles: 0, timeLeftMs: 90_000 }
      : undefined,
}));

function withDatanodes() {
  const fs = fakeFileSystem();
  fs.datanodes = datanodes;
  return fs;
}

test("report → HDFS's text", async (t) => {
  const { stdout } = await runCli(withDatanodes(), ['report']);
  t.regex(stdout, /^Configured Capacity: 4000 \(3\.91 KB\)\nPresent Capacity: 3000 \(2\.93 KB\)\nDFS Remaining: 2000 /);
  t.regex(
    stdout,
    /\nReplicated Blocks:\n\tUnder replicated blocks: 4\n\tBlocks with corrupt replicas: 5\n\tMissing blocks: 6\n/,
  );
  t.regex(
    stdout,
    /\nLive datanodes \(3\):\n\nName: 127\.0\.0\.1:9866\nHostname: 127\.0\.0\.1\nRack: \/rack1\nDecommission Status : Normal\n/,
  );
  t.regex(
    stdout,
    /\nDecommission Status : Decommission in progress: 12 blocks \(3 MB\) left, 1 of them nowhere else, about 1\.5m\n/,
  );
  t.regex(stdout, /\nDead datanodes \(1\):\n\nName: 127\.0\.0\.1:9886\n/);
  t.regex(stdout, /\nNon DFS Used: 1024 \(1 KB\)\n/);
  t.regex(stdout, /\nLast contact: 1\.5 s ago\n/);
});

test('report --json → a list of DataNodes', async (t) => {
  const list = JSON.parse((await runCli(withDatanodes(), ['report', '--json'])).stdout) as unknown[];
  t.is(list.length, 4);
  t.like(list[1], {
    address: '127.0.0.1:9876',
    rack: '/rack2',
    state: 'stale',
    capacityBytes: 4096,
    usedBytes: 1024,
    remainingBytes: 2048,
    blocks: 1,
    lastContactMs: 1500,
  });
  const states = async (...flags: string[]) =>
    (JSON.parse((await runCli(withDatanodes(), ['report', '--json', ...flags])).stdout) as { state: string }[]).map(
      ({ state }) => state,
    );
  t.deepEqual(await states('-dead'), ['dead']);
  t.deepEqual(await states('-live'), ['live', 'stale', 'live']);
  t.deepEqual(await states('-decommissioning', '-dead'), ['dead', 'live']);
});

test('safemode get, enter, leave, wait', async (t) => {
  const fs = fakeFileSystem();
  const said = async (...args: string[]) => (await runCli(fs, ['safemode', ...args])).stdout;
  t.is(await said('get'), 'Safe mode is OFF\n');
  t.is(await said('enter'), 'Safe mode is ON\nIt was entered by hand.\n');
  t.deepEqual(JSON.parse(await said('get', '--json')), { on: true, message: 'It was entered by hand.' });
  t.is(await said('leave'), 'Safe mode is OFF\n');
  t.is(await said('wait'), 'Safe mode is OFF\n');
  const wrong = await runCli(fs, ['safemode', 'of']);
  t.is(wrong.code, 255);
  t.regex(wrong.stderr, /'of' must be get, enter, leave, forceExit or wait/);
});

test('saveNamespace', async (t) => {
  t.regex(
    (await runCli(fakeFileSystem(), ['dfsadmin', '-saveNamespace'])).stdout,
    /^Save namespace successful: .* transaction 42 /,
  );
});

/** Takes down what an administrator asks for; each look at the DataNodes afterwards gives the next of `looks`. */
function administered(...looks: readonly Partial<DatanodeReport>[]) {
  const fs = withDatanodes();
  const asked: unknown[][] = [];
  const [first] = datanodes as [DatanodeReport, ...DatanodeReport[]];
  const left = looks.map((change) => ({ ...first, ...change }));
  Object.assign(fs, {
    async administerDatanodes(...args: unknown[]) {
      asked.push(args);
      return { datanodes: left.splice(0, 1), warnings: ['it is tight'] };
    },
    async datanodeReport() {
      return left.length > 1 ? left.splice(0, 1) : left;
    },
  });
  return { fs, asked };
}

test('admin decommission --wait → how far it is, until it is done', async (t) => {
  const leaving = {
    blocksLeft: 2,
    bytesLeft: 2048,
    blocksWithoutLive: 0,
    blocksInOpenFiles: 1,
    timeLeftMs: undefined,
  };
  const { fs, asked } = administered(
    { adminState: 'decommission-in-progress' },
    { adminState: 'decommission-in-progress', leaving },
    { adminState: 'decommissioned' },
  );
  const { code, stdout, stderr } = await runCli(fs, ['admin', '-decommission', '--wait', '127.0.0.1:9866']);
  t.is(code, 0);
  t.deepEqual(asked, [['decommission', ['127.0.0.1:9866'], 0]]);
  t.is(
    stdout,
    '127.0.0.1:9866: Decommission in progress\n' +
      '127.0.0.1:9866: Decommission in progress: 2 blocks (2 KB) left, 1 blocks of files that are being written\n' +
      '127.0.0.1:9866: Decommissioned\n',
  );
  t.is(stderr, 'admin decommission: it is tight.\n');
});

test('admin maintenance -for 2h → when it ends; recommission, forget; which DataNodes must be said', async (t) => {
  const { fs, asked } = administered({
    adminState: 'entering-maintenance',
    maintenanceExpiresMs: Date.UTC(2030, 0, 1),
  });
  const { stdout } = await runCli(fs, ['dfsadmin', '-maintenance', '-for', '2h', 'host-1', 'host-2']);
  t.is(stdout, '127.0.0.1:9866: Entering Maintenance until 2030-01-01 00:00:00 UTC\n');
  t.like(asked[0], { 0: 'maintenance', 1: ['host-1', 'host-2'] });
  t.true((asked[0]?.[2] as number) > Date.UTC(2020, 0, 1));
  t.is((await runCli(fs, ['admin', 'recommission', 'host-1'])).code, 0);
  t.is((await runCli(fs, ['admin', 'forget', 'host-1'])).stdout, 'Forgotten: host-1\n');
  t.deepEqual(
    asked.slice(1).map(([action]) => action),
    ['recommission', 'forget'],
  );
  t.is((await runCli(fs, ['admin', 'maintenance', '-for', 'soon', 'host-1'])).code, 255);
  t.is((await runCli(fs, ['admin', 'decommission'])).code, 255);
});

test('admin printTopology → racks with their DataNodes', async (t) => {
  t.is(
    (await runCli(withDatanodes(), ['dfsadmin', '-printTopology'])).stdout,
    'Rack: /rack1\n   127.0.0.1:9866 (127.0.0.1) In Service\n   127.0.0.1:9886 (127.0.0.1) In Service, dead\n\n' +
      'Rack: /rack2\n   127.0.0.1:9876 (127.0.0.1) In Service, stale\n' +
      '   127.0.0.1:9896 (127.0.0.1) Decommission in progress: 12 blocks (3 MB) left, 1 of them nowhere else, about 1.5m\n\n',
  );
  t.deepEqual(JSON.parse((await runCli(withDatanodes(), ['admin', 'printTopology', '--json'])).stdout), {
    '/rack1': ['127.0.0.1:9866', '127.0.0.1:9886'],
    '/rack2': ['127.0.0.1:9876', '127.0.0.1:9896'],
  });
});

test('admin getDatanodeInfo, triggerBlockReport; refreshNodes → what there is instead', async (t) => {
  const { stdout } = await runCli(withDatanodes(), ['admin', 'getDatanodeInfo', '127.0.0.1:9876']);
  t.regex(stdout, /^Name: 127\.0\.0\.1:9876\n/);
  t.regex(stdout, /\nUUID: uuid-1\nSoftware version: 0\.1\.0\n$/);
  t.is((await runCli(withDatanodes(), ['admin', 'getDatanodeInfo', 'elsewhere'])).code, 255);
  const { fs, asked } = administered();
  t.is(
    (await runCli(fs, ['dfsadmin', '-triggerBlockReport', '127.0.0.1:9866'])).stdout,
    'Triggering a block report on 127.0.0.1:9866.\n',
  );
  t.deepEqual(asked, [['reportBlocks', ['127.0.0.1:9866']]]);
  const refresh = await runCli(fs, ['dfsadmin', '-refreshNodes']);
  t.is(refresh.code, 255);
  t.regex(refresh.stderr, /dfs help admin decommission/);
});

const BYTES = Buffer.from('aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd');

/** A file of four blocks, of which the second is lost. */
function damaged() {
  const lost = file('/d/f', [
    block(1, [replica(1)]),
    block(2, [replica(1, 'CORRUPT')]),
    block(3, [replica(2)]),
    block(4, [replica(2, 'STALE')], { live: 1 }),
  ]);
  const open = { ...file('/open', [block(5, [])]), underConstruction: true };
  const fs = cluster([...healthy, lost, open], { corrupt: 1 });
  return fs.with({ '/a': 'a', '/b': 'b', '/d/f': BYTES, '/open': 'x' });
}

test('fsck -move → what can be read, a file for each run of blocks; the file itself stays', async (t) => {
  const fs = damaged();
  const { code, stdout } = await runCli(fs, ['fsck', '/', '-move']);
  t.is(code, 1);
  t.regex(stdout, /\n\/d\/f: copied what can be read to \/lost\+found\/d\/f \(2 files\)\.\n/);
  t.is(fs.content('/lost+found/d/f/0'), 'aaaaaaaaaa');
  t.is(fs.content('/lost+found/d/f/1'), 'ccccccccccdddddddddd');
  t.is(fs.content('/d/f'), BYTES.toString());
});

test('fsck -move: a block that cannot be read after all ends its run', async (t) => {
  const fs = damaged();
  const { open } = fs;
  Object.assign(fs, {
    async open(path: string) {
      const reader = await open.call(fs, path);
      return {
        close: () => reader.close(),
        async *stream(range: { start: number; end: number }) {
          for await (const piece of reader.stream({ ...range, end: range.start + 4 })) yield piece;
          if (range.start === 30) throw new DfsError('Corrupt', 'all replicas are corrupt');
          for await (const piece of reader.stream({ ...range, start: range.start + 5 })) yield piece;
        },
      };
    },
  });
  const { stderr } = await runCli(fs, ['fsck', '/', '-move']);
  t.regex(stderr, /fsck: .*all replicas are corrupt/);
  t.is(fs.content('/lost+found/d/f/1'), 'cccccccccc', 'no half block');
});

test('fsck -delete → files that have lost blocks are gone, others and open ones are not', async (t) => {
  const fs = damaged();
  const { code, stdout } = await runCli(fs, ['fsck', '/', '-delete']);
  t.is(code, 1);
  t.regex(stdout, /\n\/d\/f: deleted\.\n/);
  t.deepEqual(
    fs.paths().filter((path) => path !== '/d'),
    ['/a', '/b', '/open'],
  );
});

test('fsck -list-corruptfileblocks → blocks and files', async (t) => {
  const { code, stdout } = await runCli(damaged(), ['fsck', '/', '-list-corruptfileblocks']);
  t.is(code, 1);
  t.is(
    stdout,
    "The list of corrupt blocks under path '/' are:\nblk_2\t/d/f\nblk_5\t/open\n" +
      "The filesystem under path '/' has 2 CORRUPT files\n",
  );
  const well = await runCli(cluster(healthy), ['fsck', '/', '-list-corruptfileblocks']);
  t.deepEqual([well.code, well.stdout], [0, "The filesystem under path '/' has 0 CORRUPT files\n"]);
});

test('fsck -blockId → the file of the block, its replicas and their states', async (t) => {
  const fs = cluster([]);
  const asked: unknown[] = [];
  Object.assign(fs, {
    async fsckBlocks(ids: readonly number[]) {
      asked.push(ids);
      return [file('/f', [block(7, [replica(1), replica(2, 'IN_MAINTENANCE'), replica(3, 'CORRUPT')])])];
    },
  });
  const { code, stdout } = await runCli(fs, ['fsck', '-blockId', 'blk_7_1007', 'blk_8']);
  t.is(code, 1);
  t.deepEqual(asked, [[7, 8]]);
  t.regex(stdout, /\nBlock Id: blk_7_1007\nBlock belongs to: \/f\n/);
  t.regex(stdout, /\nNo\. of Expected Replica: 2\nNo\. of live Replica: 1\n/);
  t.regex(stdout, /\nNo\. of corrupted Replica: 1\n/);
  t.regex(stdout, /\nBlock replica on datanode\/rack: 127\.0\.0\.1:9886\/rack2 is IN MAINTENANCE\n/);
  t.regex(stdout, /\nBlock blk_8 does not exist\n$/);
  t.is((await runCli(fs, ['fsck', '-blockId', '7'])).code, 255);
});

/** A balancer with these states, one after the other. */
function balancing(...states: readonly Partial<BalancerStatus>[]) {
  const fs = fakeFileSystem();
  const asked: unknown[][] = [];
  const left = [...states];
  const status = {
    running: false,
    iteration: 0,
    bytesMoved: 0,
    blocksMoved: 0,
    bytesLeft: 0,
    bytesBeingMoved: 0,
    result: 'none',
  };
  Object.assign(fs, {
    async balancer(...args: unknown[]) {
      asked.push(args);
      return { ...status, ...(left.length > 1 ? left.shift() : left[0]) };
    },
    async setBalancerBandwidth(...args: unknown[]) {
      asked.push(args);
    },
  });
  return { fs, asked };
}

test('balancer → a line for each iteration, as HDFS has it, and how it ended', async (t) => {
  const { fs, asked } = balancing(
    { running: true, bytesLeft: 3 * 2 ** 30, bytesBeingMoved: 2 ** 30 },
    { running: true, bytesLeft: 3 * 2 ** 30, bytesBeingMoved: 2 ** 30, bytesMoved: 5 },
    { running: true, iteration: 1, bytesLeft: 2 ** 30, bytesBeingMoved: 2 ** 30, bytesMoved: 2 ** 31 },
    { iteration: 2, bytesMoved: 3 * 2 ** 30, blocksMoved: 24, result: 'balanced' },
  );
  const { code, stdout } = await runCli(fs, ['balancer', '-threshold', '5']);
  t.is(code, 0);
  t.deepEqual(asked[0], ['start', 5]);
  const lines = stdout.split('\n');
  t.regex(
    lines[0] ?? '',
    /^Time Stamp \(UTC\) +Iteration# +Bytes Already Moved +Bytes Left To Move +Bytes Being Moved$/,
  );
  t.deepEqual(
    lines.slice(1, 4).map((line) => line.slice(19).trim().replace(/ {2,}/g, ' | ')),
    ['0 | 0 B | 3 GB | 1 GB', '1 | 2 GB | 1 GB | 1 GB', '2 | 3 GB | 0 B | 0 B'],
  );
  t.regex(lines[4] ?? '', /^24 blocks \(3 GB\) were moved\. Balancing took [\d.]+ seconds$/);
  t.is(lines[5], 'The cluster is balanced. Exiting...');
});

test('balancer that cannot go on → exit code 1; -status, -stop; wrong thresholds; setBalancerBandwidth', async (t) => {
  const stuck = await runCli(balancing({ result: 'no-move-progress' }).fs, ['balancer']);
  t.is(stuck.code, 1);
  t.regex(stuck.stderr, /No block has been moved for 5 iterations/);
  const { fs, asked } = balancing({ running: true, iteration: 3, blocksMoved: 7 });
  t.regex((await runCli(fs, ['balancer', '-status'])).stdout, /^The balancer is running\nIteration 3, 7 blocks /);
  t.is(JSON.parse((await runCli(fs, ['balancer', '-stop', '--json'])).stdout).iteration, 3);
  t.is(
    (await runCli(fs, ['dfsadmin', '-setBalancerBandwidth', '10m'])).stdout,
    'Balancer bandwidth is set to 10 MB a second.\n',
  );
  t.deepEqual(asked, [['status'], ['stop'], [10 * 2 ** 20]]);
  for (const threshold of ['0', '101', 'x']) t.is((await runCli(fs, ['balancer', '-threshold', threshold])).code, 255);
});

test("quotas are set and cleared in HDFS's words; errors are told per directory", async (t) => {
  const fs = fakeFileSystem({ '/a': null, '/b': null, '/file': 'x' });
  const ok = { code: 0, stdout: '', stderr: '' };
  t.like(await runCli(fs, ['dfsadmin', '-setQuota', '10', '/a', '/b']), ok);
  t.like(await runCli(fs, ['admin', 'setSpaceQuota', '1.5k', '/a']), ok);
  t.like(fs.quotas.get('/a'), { names: 10, space: 1_536 });
  t.like(await runCli(fs, ['dfsadmin', '-clrQuota', '/a']), ok);
  t.like(fs.quotas.get('/a'), { names: undefined, space: 1_536 });
  t.like(await runCli(fs, ['admin', 'clrSpaceQuota', '/a']), ok);
  t.like(fs.quotas.get('/a'), { space: undefined });
  const failed = await runCli(fs, ['admin', 'setQuota', '7', '/file', '/missing', '/b']);
  t.is(failed.code, 1);
  t.is(
    failed.stderr,
    "admin setQuota: `/file': Is not a directory\nadmin setQuota: `/missing': No such file or directory\n",
  );
  t.is(fs.quotas.get('/b')?.names, 7);
  for (const [verb, value] of [
    ['setQuota', '0'],
    ['setQuota', '10k'],
    ['setSpaceQuota', 'much'],
  ] as const) {
    const wrong = await runCli(fs, ['admin', verb, value, '/a']);
    t.is(wrong.code, 255);
    t.true(wrong.stderr.startsWith(`admin ${verb}: "${value}" is not a valid value for a quota.\n`), wrong.stderr);
  }
});
