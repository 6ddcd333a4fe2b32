import test from 'ava';
import { DatanodeDescriptor, StorageDescriptor } from '../../namenode/datanode-descriptor.js';
import { HeartbeatManager, type HeartbeatSettings } from '../../namenode/heartbeat-manager.js';
import { SILENT } from './support/block-fixture.js';

const SETTINGS: HeartbeatSettings = {
  staleAfterMs: 30_000,
  deadAfterMs: 630_000,
  unreachableAfterMs: 0,
  tickMs: 1_000,
};
const NOTHING = { storages: [], activeTransfers: 0, maxTransfers: 0, failedVolumes: 0 };

function datanode(name = 'dn'): DatanodeDescriptor {
  const node = new DatanodeDescriptor(name, { host: name, dataPort: 1, rpcPort: 2, httpPort: 3, rack: '/a' }, 0);
  node.registrationId = 'registration';
  node.state = 'live';
  return node;
}

/** Ticks once a second, up to and including `toMs`. */
function pass(manager: HeartbeatManager, nodes: readonly DatanodeDescriptor[], fromMs: number, toMs: number) {
  const dead: [number, string][] = [];
  const suspects: number[] = [];
  for (let ms = fromMs; ms <= toMs; ms += 1_000) {
    const tick = manager.tick(nodes, ms);
    for (const node of tick.dead) dead.push([ms, node.uuid]);
    for (const node of tick.suspects) {
      suspects.push(ms);
      manager.probed(node, false);
    }
  }
  return { dead, suspects };
}

test('live, stale at 30 s, dead at 630 s, probed in between', (t) => {
  const manager = new HeartbeatManager(SETTINGS, SILENT);
  const node = datanode();
  pass(manager, [node], 0, 29_000);
  t.is(node.state, 'live');
  const { dead, suspects } = pass(manager, [node], 30_000, 629_000);
  t.is(node.state, 'stale');
  t.is(suspects[0], 30_000);
  t.true(suspects.length > 10);
  t.deepEqual(dead, []);
  t.deepEqual(pass(manager, [node], 630_000, 640_000).dead, [[630_000, 'dn']]);
  t.is(node.registrationId, undefined, 'it has to register again');
});

test('a heartbeat brings a stale DataNode back and ends the suspicion', (t) => {
  const manager = new HeartbeatManager(SETTINGS, SILENT);
  const node = datanode();
  pass(manager, [node], 0, 100_000);
  manager.heartbeat(node, { ...NOTHING, activeTransfers: 7 }, 100_500);
  t.is(node.state, 'live');
  t.is(node.activeTransfers, 7);
  t.deepEqual(pass(manager, [node], 101_000, 700_000).dead, []);
});

test('with a short time until death a DataNode is suspected and probed before all the same', (t) => {
  const manager = new HeartbeatManager({ ...SETTINGS, deadAfterMs: 12_000 }, SILENT);
  const node = datanode();
  const { suspects, dead } = pass(manager, [node], 0, 12_000);
  t.true((suspects[0] ?? 0) < 12_000);
  t.deepEqual(dead, [[12_000, 'dn']]);
});

test('an unreachable DataNode is dead earlier only where that is set, and only after several probes', (t) => {
  const manager = new HeartbeatManager({ ...SETTINGS, unreachableAfterMs: 60_000 }, SILENT);
  const { dead, suspects } = pass(manager, [datanode()], 0, 70_000);
  t.is(dead.length, 1);
  t.true(suspects.length >= 3);
  t.true((dead[0]?.[0] ?? 0) >= 60_000);
});

test('one that comes back from an early death is given twice the time the next time, until that is forgotten', (t) => {
  const manager = new HeartbeatManager({ ...SETTINGS, unreachableAfterMs: 60_000 }, SILENT);
  const node = datanode();
  let nowMs = 0;
  const silence = (): number => {
    node.state = 'live';
    manager.heartbeat(node, NOTHING, nowMs);
    const [died = [0]] = pass(manager, [node], nowMs, nowMs + 700_000).dead;
    const silentMs = died[0] - nowMs;
    nowMs = died[0];
    return silentMs;
  };
  const silences = Array.from({ length: 5 }, silence);
  t.deepEqual(silences, [60_000, 120_000, 240_000, 480_000, 630_000]);
  nowMs += 3_600_000;
  manager.tick([], nowMs);
  t.is(silence(), 60_000);
});

test('a DataNode whose ports answer lives for the whole interval', (t) => {
  const manager = new HeartbeatManager({ ...SETTINGS, unreachableAfterMs: 60_000 }, SILENT);
  const node = datanode();
  for (let ms = 0; ms < 630_000; ms += 1_000) {
    const { suspects, dead } = manager.tick([node], ms);
    for (const suspect of suspects) manager.probed(suspect, true);
    t.deepEqual(dead, []);
  }
  t.is(manager.tick([node], 630_000).dead.length, 1);
});

test('a probe that has not come back is not made again, and holds nothing up', (t) => {
  const manager = new HeartbeatManager(SETTINGS, SILENT);
  const node = datanode();
  let suspected = 0;
  for (let ms = 0; ms <= 630_000; ms += 1_000) suspected += manager.tick([node], ms).suspects.length;
  t.is(suspected, 1);
  t.is(node.state, 'dead');
});

test('when the NameNode stood still nobody is dead at once; the DataNodes get the time that is missing', (t) => {
  const manager = new HeartbeatManager(SETTINGS, SILENT);
  const nodes = [datanode('a'), datanode('b')];
  pass(manager, nodes, 0, 10_000);
  const stoodStillMs = 2_000_000;
  t.deepEqual(manager.tick(nodes, 10_000 + stoodStillMs).dead, []);
  t.is(nodes[0]?.state, 'live');
  const { dead } = pass(manager, nodes, 11_000 + stoodStillMs, 700_000 + stoodStillMs);
  t.is(dead.length, 2, 'those that stay silent die later');
  t.true((dead[0]?.[0] ?? 0) >= stoodStillMs + 620_000);
});

test('a storage that its DataNode does not mention any more has failed, and comes back when it is mentioned', (t) => {
  const manager = new HeartbeatManager(SETTINGS, SILENT);
  const node = datanode();
  const storage = new StorageDescriptor(1, 'ds', node);
  node.storages.set('ds', storage);
  storage.trust = 'verified';
  t.true(storage.isSure);
  manager.heartbeat(node, NOTHING, 0);
  t.true(storage.failed);
  t.false(storage.counts);
  const report = {
    uuid: 'ds',
    capacityBytes: 10,
    usedBytes: 4,
    remainingBytes: 6,
    failed: false,
    replicas: 0,
    digest: new Uint8Array(),
  };
  manager.heartbeat(node, { ...NOTHING, storages: [report] }, 0);
  t.false(storage.failed);
  t.is(storage.remainingBytes, 6);
  t.is<string, string>(storage.trust, 'unknown', 'it has to prove again what it holds');
});
