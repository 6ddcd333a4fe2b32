import test from 'ava';
import { seededRandom } from '../../common/random.js';
import { parseRack, pipelineOrder, rackDistance, rackOfHost, sortForReader } from '../../namenode/network-topology.js';

const place = (host: string, rack: string) => ({ host, rack });

test('a rack is a path; the empty one is the default rack, a slash at the end does not count', (t) => {
  t.is(parseRack('/rack1'), '/rack1');
  t.is(parseRack('/dc1/rack7/'), '/dc1/rack7');
  t.is(parseRack(''), '/default-rack');
});

test('what is no path of a rack is refused', (t) => {
  for (const text of ['rack1', '/', '//a', '/a//b', '/a b', '/a\n', `/${'x'.repeat(300)}`])
    t.is(parseRack(text), undefined, text);
});

test('distance grows with each level at which two racks part', (t) => {
  t.is(rackDistance('/d1/r1', '/d1/r1'), 2);
  t.is(rackDistance('/d1/r1', '/d1/r2'), 4);
  t.is(rackDistance('/d1/r1', '/d2/r1'), 6);
  t.is(rackDistance('/r1', '/d1/r1'), 5);
});

test('a reader gets the replica on its host first, then its rack, then others, and doubtful ones last', (t) => {
  const replicas = [
    { ...place('far', '/r2'), doubtful: false },
    { ...place('reader', '/r1'), doubtful: true },
    { ...place('near', '/r1'), doubtful: false },
    { ...place('reader', '/r1'), doubtful: false },
  ];
  const sorted = sortForReader(replicas, { host: 'reader', rack: '/r1' }, (r) => r.doubtful, seededRandom(1));
  t.deepEqual(
    sorted.map((r) => [r.host, r.doubtful]),
    [
      ['reader', false],
      ['near', false],
      ['far', false],
      ['reader', true],
    ],
  );
});

test('readers from nowhere spread over all replicas', (t) => {
  const replicas = [place('a', '/r1'), place('b', '/r2'), place('c', '/r3')];
  const random = seededRandom(7);
  const firsts = new Set<string | undefined>();
  for (let i = 0; i < 50; i++) {
    firsts.add(sortForReader(replicas, { host: '', rack: undefined }, () => false, random)[0]?.host);
  }
  t.is(firsts.size, 3);
});

test('a pipeline begins near the writer and does not go back and forth between racks', (t) => {
  const targets = [place('a', '/r2'), place('b', '/r1'), place('c', '/r2'), place('w', '/r1')];
  const order = pipelineOrder(targets, { host: 'w', rack: '/r1' }).map(({ host }) => host);
  t.deepEqual(order, ['w', 'b', 'a', 'c']);
});

test('the rack of a host is that of the DataNode on it', (t) => {
  const places = [place('a', '/r1'), place('b', '/r2')];
  t.is(rackOfHost('b', places), '/r2');
  t.is(rackOfHost('c', places), undefined);
  t.is(rackOfHost('', [place('', '/r1')]), undefined);
});
