import test from 'ava';
import type { BlockProgress } from '../../client/pipeline-recovery.js';
import { blamedByAck, blamedBySetUp, MAX_RECOVERIES_PER_PACKET, planRecovery } from '../../client/pipeline-recovery.js';
import type { ReplicaLocation } from '../../client/types.js';
import type { Packet } from '../../common/packet.js';
import { Status } from '../../common/status.js';

const { SUCCESS, ERROR, ERROR_CHECKSUM } = Status;

function node(name: string): ReplicaLocation {
  return { datanode: { uuid: name, host: name, dataPort: 9866, rpcPort: 1, httpPort: 1 }, rack: '/r', storageId: 's' };
}

const [a, b, c] = [node('a'), node('b'), node('c')];

function packet(offsetInBlock: number, dataLength: number, last = false): Packet {
  return { offsetInBlock, dataLength, last, seqno: 0, sync: false, checksums: Buffer.alloc(0), data: [] };
}

function progress(changes: Partial<BlockProgress>): BlockProgress {
  const about = { appending: false, fresh: false, reliedOn: false };
  return { ...about, nodes: [a, b, c], ackedBytes: 0, unacked: [], recoveries: 0, ...changes };
}

const acks = [
  { reply: [SUCCESS, SUCCESS, SUCCESS], blamed: undefined },
  { reply: [SUCCESS, ERROR], blamed: 1 },
  { reply: [SUCCESS, SUCCESS, ERROR], blamed: 2 },
  { reply: [SUCCESS, SUCCESS, ERROR_CHECKSUM], blamed: 2 },
  { reply: [ERROR_CHECKSUM, ERROR, ERROR], blamed: 0 },
  { reply: [SUCCESS, ERROR, ERROR], blamed: 1 },
  { reply: [SUCCESS], blamed: 1 },
  { reply: [], blamed: 0 },
  { reply: [SUCCESS, SUCCESS, SUCCESS, ERROR], blamed: 2 },
];

for (const { reply, blamed } of acks) {
  test(`an ack of [${reply.join(', ')}] from three DataNodes blames ${blamed ?? 'nobody'}`, (t) => {
    t.is(blamedByAck(reply, 3)?.index, blamed);
  });
}

test('a set-up blames the node that could not be reached, else the one that answered', (t) => {
  t.is(blamedBySetUp('c:9866', [a, b, c]), 2);
  t.is(blamedBySetUp('', [a, b, c]), 0);
  t.is(blamedBySetUp('unknown:1', [a, b, c]), 0);
});

test('a stream goes on with the nodes that are left, whose length lies between what was acknowledged and what was sent', (t) => {
  t.deepEqual(planRecovery(progress({ ackedBytes: 100, unacked: [packet(96, 50), packet(146, 64)] }), 1), {
    kind: 'rebuild',
    nodes: [a, c],
    stage: 'PIPELINE_SETUP_STREAMING_RECOVERY',
    minBytesRcvd: 100,
    maxBytesRcvd: 210,
  });
});

test('a repeated chunk that is on its way does not make the block shorter', (t) => {
  const plan = planRecovery(progress({ ackedBytes: 100, unacked: [packet(96, 4)] }), 0);
  t.like(plan, { minBytesRcvd: 100, maxBytesRcvd: 100 });
});

test('while the block is being closed it is enough to close the replicas that are left', (t) => {
  const plan = planRecovery(progress({ ackedBytes: 100, unacked: [packet(100, 0, true)] }), 0);
  t.like(plan, { nodes: [b, c], stage: 'PIPELINE_CLOSE_RECOVERY', minBytesRcvd: 100, maxBytesRcvd: 100 });
});

test('an append that has not begun is set up again as an append', (t) => {
  t.like(planRecovery(progress({ appending: true, ackedBytes: 7 }), 2), {
    nodes: [a, b],
    stage: 'PIPELINE_SETUP_APPEND_RECOVERY',
  });
});

test('the write is given up when no DataNode is left', (t) => {
  t.is(planRecovery(progress({ nodes: [a] }), 0).kind, 'giveUp');
});

test('the write is given up when the same packet fails again and again', (t) => {
  t.is(planRecovery(progress({ recoveries: MAX_RECOVERIES_PER_PACKET - 1 }), 0).kind, 'rebuild');
  t.is(planRecovery(progress({ recoveries: MAX_RECOVERIES_PER_PACKET }), 0).kind, 'giveUp');
});

test('a new block of which nothing was acknowledged is given up, not the write', (t) => {
  t.is(planRecovery(progress({ nodes: [a], fresh: true }), 0).kind, 'startOver');
  t.is(planRecovery(progress({ fresh: true, recoveries: MAX_RECOVERIES_PER_PACKET }), 0).kind, 'startOver');
  t.is(planRecovery(progress({ fresh: true }), 0).kind, 'rebuild');
});
