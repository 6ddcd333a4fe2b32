import test from 'ava';
import fc from 'fast-check';
import { isDfsError } from '../../../common/errors.js';
import type { DatanodeProtocolHandlers } from '../../../common/rpc/services.js';
import type { DatanodeCommand } from '../../../namenode/datanode-command.js';
import type { DatanodeService } from '../../../namenode/datanode-service.js';
import { datanodeProtocol } from '../../../namenode/rpc/datanode-protocol.js';

type Request<Method extends keyof DatanodeProtocolHandlers> = Parameters<DatanodeProtocolHandlers[Method]>[0];

const CONTEXT = { peerHost: '10.0.0.9', signal: new AbortController().signal };
const BLOCK = { blockId: 1, generationStamp: 2, numBytes: 3 };
const STORAGE = {
  storageId: 'ds',
  capacityBytes: 10,
  usedBytes: 4,
  remainingBytes: 6,
  failed: false,
  replicas: 0,
  digest: Buffer.alloc(8),
};
const SENDER = { datanodeUuid: 'dn', registrationId: 'reg' };
const REGISTER: Request<'Register'> = {
  id: { uuid: 'dn', host: 'h', dataPort: 9866, rpcPort: 9867, httpPort: 9864 },
  rack: '/r',
  version: '1',
  clusterId: '',
  storages: [STORAGE],
};
const HEARTBEAT: Request<'Heartbeat'> = {
  ...SENDER,
  storages: [STORAGE],
  activeTransfers: 1,
  maxTransfers: 2,
  replicationsInProgress: 0,
  failedVolumes: 0,
  failedTransfers: [BLOCK],
  failedMoves: [],
};
const REPORT: Request<'BlockReport'> = {
  ...SENDER,
  storageId: 'ds',
  reportId: 1,
  part: 0,
  lastPart: true,
  blockIds: [1, 2],
  generationStamps: [1, 1],
  lengths: [0, 5],
  states: [],
};
const EVENTS: Request<'BlockReceivedAndDeleted'> = {
  ...SENDER,
  blocks: [{ block: BLOCK, kind: 'RECEIVED', storageId: 'ds' }],
  reportNumber: 1,
};

/** The handlers over a service that notes what it is called with, and answers every heartbeat with `commands`. */
function protocolWith(commands: DatanodeCommand[] = []) {
  const calls: unknown[][] = [];
  const note =
    <T>(name: string, answer: T) =>
    (...args: unknown[]): T => {
      calls.push([name, ...args]);
      return answer;
    };
  const service = {
    register: note('register', Promise.resolve('registration')),
    heartbeat: note('heartbeat', commands),
    blockReport: note('blockReport', Promise.resolve(commands)),
    receivedAndDeleted: note('receivedAndDeleted', Promise.resolve()),
    reportBadReplicas: note('reportBadReplicas', Promise.resolve()),
    errorReport: note('errorReport', undefined),
  } as unknown as DatanodeService;
  const settings = { clusterId: 'CID-test', heartbeatIntervalMs: 3_000, blockReportIntervalMs: 60_000 };
  return {
    protocol: datanodeProtocol({
      commitSynchronization: async () => {},
      service,
      ...settings,
    }),
    calls,
  };
}

test('Register: address, rack and storages go to the service; the answer has the cluster’s facts', async (t) => {
  const { protocol, calls } = protocolWith();
  t.deepEqual(await protocol.Register(REGISTER, CONTEXT), {
    clusterId: 'CID-test',
    registrationId: 'registration',
    heartbeatIntervalMs: 3_000,
    blockReportIntervalMs: 60_000,
  });
  t.like(calls[0]?.[1], { uuid: 'dn', address: { host: 'h', rack: '/r', dataPort: 9866 }, storages: [{ uuid: 'ds' }] });
});

test('Register: a DataNode that listens on all addresses is reached where its call came from', async (t) => {
  const { protocol, calls } = protocolWith();
  await protocol.Register(
    { ...REGISTER, id: { ...(REGISTER.id as NonNullable<typeof REGISTER.id>), host: '0.0.0.0' } },
    CONTEXT,
  );
  t.like(calls[0]?.[1], { address: { host: '10.0.0.9' } });
});

test('Heartbeat: each kind of command has its message', async (t) => {
  const location = {
    datanodeUuid: 'dn',
    storageUuid: 'ds',
    host: 'h',
    dataPort: 1,
    rpcPort: 2,
    httpPort: 3,
    rack: '/r',
  };
  const { protocol } = protocolWith([
    { kind: 'register' },
    { kind: 'transfer', block: BLOCK, targets: [location], balancing: true },
    { kind: 'balancerBandwidth', bytesPerSecond: 7 },
    { kind: 'invalidate', blocks: [BLOCK] },
    { kind: 'fullReport', storageUuids: ['ds'] },
  ]);
  t.deepEqual((await protocol.Heartbeat(HEARTBEAT, CONTEXT)).commands, [
    { register: {} },
    {
      transfer: {
        block: BLOCK,
        targets: [
          { datanode: { uuid: 'dn', host: 'h', dataPort: 1, rpcPort: 2, httpPort: 3 }, rack: '/r', storageId: 'ds' },
        ],
        balancing: true,
      },
    },
    { balancerBandwidth: { bytesPerSecond: 7 } },
    { invalidate: { blocks: [BLOCK] } },
    { fullReport: { storageIds: ['ds'] } },
  ]);
});

test('BlockReport: columns become replicas; states are told apart', async (t) => {
  const { protocol, calls } = protocolWith();
  await protocol.BlockReport({ ...REPORT, states: [1, 2] }, CONTEXT);
  t.like(calls[0]?.[3], {
    last: true,
    replicas: [
      { blockId: 1, numBytes: 0, finalized: true },
      { blockId: 2, numBytes: 5, finalized: false },
    ],
  });
});

test('BlockReceivedAndDeleted and ReportBadReplicas reach the service', async (t) => {
  const { protocol, calls } = protocolWith();
  await protocol.BlockReceivedAndDeleted(EVENTS, CONTEXT);
  t.deepEqual(calls[0], ['receivedAndDeleted', SENDER, 1, [{ kind: 'received', block: BLOCK, storageUuid: 'ds' }]]);
  const replicas = [{ block: BLOCK, datanodeUuid: 'other', storageId: 'ds' }];
  await protocol.ReportBadReplicas({ ...SENDER, replicas }, CONTEXT);
  t.deepEqual(calls[1], ['reportBadReplicas', SENDER, [{ block: BLOCK, datanodeUuid: 'other', storageUuid: 'ds' }]]);
});

test('ErrorReport: a text without end is cut', async (t) => {
  const { protocol, calls } = protocolWith();
  await protocol.ErrorReport({ ...SENDER, message: 'x'.repeat(100_000) }, CONTEXT);
  t.is(String(calls[0]?.[2]).length, 1_000);
});

const id = REGISTER.id as NonNullable<typeof REGISTER.id>;
const refused: [string, RegExp, (protocol: DatanodeProtocolHandlers) => Promise<unknown>][] = [
  ['no id', /id\.uuid/, (p) => p.Register({ ...REGISTER, id: null }, CONTEXT)],
  ['no host', /id\.host/, (p) => p.Register({ ...REGISTER, id: { ...id, host: '' } }, CONTEXT)],
  ['port 0', /id\.data_port/, (p) => p.Register({ ...REGISTER, id: { ...id, dataPort: 0 } }, CONTEXT)],
  ['port 70000', /id\.rpc_port/, (p) => p.Register({ ...REGISTER, id: { ...id, rpcPort: 70_000 } }, CONTEXT)],
  ['a rack that is no path', /rack "rack1" is not a path/, (p) => p.Register({ ...REGISTER, rack: 'rack1' }, CONTEXT)],
  [
    'a digest of 3 bytes',
    /digest must have 8/,
    (p) => p.Heartbeat({ ...HEARTBEAT, storages: [{ ...STORAGE, digest: Buffer.alloc(3) }] }, CONTEXT),
  ],
  [
    'a storage without a name',
    /storage_id/,
    (p) => p.Heartbeat({ ...HEARTBEAT, storages: [{ ...STORAGE, storageId: '' }] }, CONTEXT),
  ],
  ['no sender', /datanode_uuid/, (p) => p.Heartbeat({ ...HEARTBEAT, datanodeUuid: '' }, CONTEXT)],
  ['no registration', /registration_id/, (p) => p.Heartbeat({ ...HEARTBEAT, registrationId: '' }, CONTEXT)],
  ['columns of different lengths', /same length/, (p) => p.BlockReport({ ...REPORT, lengths: [1] }, CONTEXT)],
  ['a block id of 0', /block_ids/, (p) => p.BlockReport({ ...REPORT, blockIds: [0, 1] }, CONTEXT)],
  ['a state that does not exist', /states/, (p) => p.BlockReport({ ...REPORT, states: [1, 9] }, CONTEXT)],
  [
    'an event without a block',
    /blocks\.block/,
    (p) =>
      p.BlockReceivedAndDeleted({ ...EVENTS, blocks: [{ block: null, kind: 'RECEIVED', storageId: 'ds' }] }, CONTEXT),
  ],
  [
    'an event of no kind',
    /kind/,
    (p) =>
      p.BlockReceivedAndDeleted(
        { ...EVENTS, blocks: [{ block: BLOCK, kind: 'RECEIVED_DELETED_UNSPECIFIED', storageId: 'ds' }] },
        CONTEXT,
      ),
  ],
];

for (const [what, message, call] of refused) {
  test(`refused: ${what}`, async (t) => {
    const { protocol, calls } = protocolWith();
    await t.throwsAsync(call(protocol), { name: 'InvalidArgument', message });
    t.deepEqual(calls, []);
  });
}

test('property: whatever the fields hold, a message is taken or refused by name', async (t) => {
  const texts = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.constantFrom('', 'dn', '/r'));
  const numbers = fc.oneof(fc.integer(), fc.constantFrom(0, 1, 2 ** 53, -1, Number.NaN));
  const storages = fc.array(
    fc.record({
      storageId: texts,
      capacityBytes: numbers,
      usedBytes: numbers,
      remainingBytes: numbers,
      failed: fc.boolean(),
      replicas: numbers,
      digest: fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
    }),
    { maxLength: 2 },
  );
  const requests = fc.record({
    id: fc.option(fc.record({ uuid: texts, host: texts, dataPort: numbers, rpcPort: numbers, httpPort: numbers })),
    rack: texts,
    version: texts,
    clusterId: texts,
    storages,
  });
  await fc.assert(
    fc.asyncProperty(requests, async (request) => {
      const { protocol } = protocolWith();
      try {
        await protocol.Register(request, CONTEXT);
        return true;
      } catch (error) {
        return isDfsError(error, 'InvalidArgument');
      }
    }),
  );
  t.pass();
});
