import test from 'ava';
import { changedLayout, newLayout, withDatanodes } from '../../../client/cluster/layout.js';

test("three DataNodes on two racks, on HDFS's ports", (t) => {
  const layout = newLayout({});
  t.deepEqual(layout.namenode, { rpcPort: 8020, httpPort: 9870 });
  t.deepEqual(layout.datanodes, [
    { index: 1, rack: '/rack1', dataPort: 9866, rpcPort: 9867, httpPort: 9864 },
    { index: 2, rack: '/rack2', dataPort: 9876, rpcPort: 9877, httpPort: 9874 },
    { index: 3, rack: '/rack1', dataPort: 9886, rpcPort: 9887, httpPort: 9884 },
  ]);
});

test('with a base port everything is behind it', (t) => {
  const layout = newLayout({ basePort: 20_000, datanodes: 2 });
  t.deepEqual(layout.namenode, { rpcPort: 20_000, httpPort: 20_001 });
  t.deepEqual(
    layout.datanodes.map(({ dataPort, rpcPort, httpPort }) => [dataPort, rpcPort, httpPort]),
    [
      [20_010, 20_011, 20_012],
      [20_020, 20_021, 20_022],
    ],
  );
});

test('no port is used twice, whatever the number of DataNodes', (t) => {
  for (const basePort of [undefined, 20_000]) {
    const { namenode, datanodes } = newLayout({ basePort, datanodes: 100 });
    const ports = [
      namenode,
      ...datanodes.map(({ dataPort, rpcPort, httpPort }) => ({ dataPort, rpcPort, httpPort })),
    ].flatMap(Object.values);
    t.is(new Set(ports).size, 302);
  }
});

test('ports beyond the last one are refused', (t) => {
  t.throws(() => newLayout({ basePort: 65_530 }), {
    message: 'So many DataNodes from --base-port 65530 on would need port 65542, and 65535 is the last one.',
  });
  t.throws(() => newLayout({ basePort: 65_535 }), { message: /would need port 65536/ });
});

test('racks are taken in turn', (t) => {
  t.deepEqual(
    newLayout({ datanodes: 5, racks: 3 }).datanodes.map(({ rack }) => rack),
    ['/rack1', '/rack2', '/rack3', '/rack1', '/rack2'],
  );
  t.is(withDatanodes(newLayout({}), 4, '/dc1/r9').datanodes[3]?.rack, '/dc1/r9');
});

test('an existing cluster stays as it is when nothing is asked for', (t) => {
  const layout = withDatanodes(newLayout({ basePort: 20_000, settings: { 'dfs.replication': '2' } }), 4, '/other');
  t.deepEqual(changedLayout(layout, {}), layout);
});

test('an existing cluster gets more DataNodes, other ports and settings; the old ones keep their racks', (t) => {
  const layout = withDatanodes(newLayout({ settings: { 'dfs.replication': '2', 'dfs.blocksize': '1m' } }), 4, '/other');
  const changed = changedLayout(layout, { datanodes: 5, basePort: 20_000, settings: { 'dfs.replication': '1' } });
  t.deepEqual(
    changed.datanodes.map(({ rack, dataPort }) => [rack, dataPort]),
    [
      ['/rack1', 20_010],
      ['/rack2', 20_020],
      ['/rack1', 20_030],
      ['/other', 20_040],
      ['/rack1', 20_050],
    ],
  );
  t.like(changed.settings, { 'dfs.replication': '1', 'dfs.blocksize': '1m' });
});

test('what cannot be changed is refused', (t) => {
  const layout = newLayout({});
  t.throws(() => changedLayout(layout, { datanodes: 2 }), { message: /cannot be started with fewer/ });
  t.throws(() => changedLayout(layout, { racks: 3 }), { message: /has 2 racks, which cannot be changed/ });
});

test('settings that each process has of its own are refused', (t) => {
  t.throws(() => newLayout({ settings: { 'dfs.datanode.data.dir': '/x' } }), {
    message: /^dfs.datanode.data.dir cannot be given here/,
  });
});
