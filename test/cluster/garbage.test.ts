/** Bytes on the ports of the servers that are no request, or a request that lies: nobody dies of it, and everyone else is served on. */
import { randomBytes } from 'node:crypto';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { type ExtendedBlock, encodeOperation, type Operation } from '../../common/data-transfer.js';
import { seededRandom } from '../../common/random.js';
import { connectService } from '../../common/rpc/grpc-client.js';
import { sharedCluster } from './harness.js';
import { healthOf } from './support/health.js';
import { openSocket, sendAndEnd } from './support/raw-socket.js';

/** With timeouts that a test can wait for, and a limit for messages that it can exceed. */
const cluster = sharedCluster(test, {
  settings: { 'dfs.client.socket-timeout': '3s', 'ipc.maximum.data.length': '1m' },
});

/** What `tls.connect` sends first. */
const TLS_HELLO = Buffer.concat([Buffer.from('16030100a5010000a10303', 'hex'), randomBytes(160)]);
const HTTP2_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

const GARBAGE: Readonly<Record<string, Uint8Array>> = {
  nothing: Buffer.alloc(0),
  'one byte': Buffer.from([0]),
  'random bytes': randomBytes(100_000),
  zeros: Buffer.alloc(100_000),
  'all bits set': Buffer.alloc(100_000, 0xff),
  HTTP: Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  'a TLS hello': TLS_HELLO,
  'a preface of HTTP/2 and garbage': Buffer.concat([HTTP2_PREFACE, randomBytes(10_000)]),
  'an operation of a future version': Buffer.from('00635000', 'hex'),
  'an unknown operation': Buffer.from('001cff00', 'hex'),
  'a header of 2 GiB': Buffer.from('001c51ffffffff07', 'hex'),
  'a length without an end': Buffer.from('001c51ffffffffffffffffffffff', 'hex'),
};

const BEGINNINGS = [
  Buffer.alloc(0),
  Buffer.from('001c50e0', 'hex'), // 96 bytes of a header shall follow
  HTTP2_PREFACE,
  Buffer.concat([HTTP2_PREFACE, Buffer.from('ffffff0400000000', 'hex')]), // a frame of 16 MiB
  Buffer.from('POST / HTTP/1.1\r\nContent-Length: 100\r\n'),
];

async function ports(): Promise<string[]> {
  const { namenode, datanodes } = await cluster().status();
  const ofDatanodes = datanodes.flatMap(({ address }) => {
    const [host, port] = address.split(':');
    return [0, 1, 2].map((step) => `${host}:${Number(port) + step}`); // data, RPC, HTTP
  });
  return [namenode.rpc, namenode.http, ...ofDatanodes];
}

async function pids(): Promise<(number | null)[]> {
  const { namenode, datanodes } = await cluster().status();
  return [namenode, ...datanodes].map(({ pid, alive }) => (alive ? pid : null));
}

async function assertServes(t: ExecutionContext, name: string): Promise<void> {
  const put = await cluster().dfs(['put', '-', name], { stdin: name });
  t.deepEqual([put.code, put.stderr], [0, '']);
  t.is((await cluster().dfs(['cat', name])).stdout, name);
}

test.serial('garbage on any port ends that connection and nothing else', async (t) => {
  const before = await pids();
  for (const address of await ports()) {
    await Promise.all(Object.values(GARBAGE).map((bytes) => sendAndEnd(t, address, bytes)));
  }
  await assertServes(t, '/after-garbage');
  t.deepEqual(await pids(), before);
});

test.serial('connections that say nothing, or stop in the middle, keep nobody else out', async (t) => {
  const before = await pids();
  for (const address of await ports()) {
    const sockets = await Promise.all(Array.from({ length: 50 }, () => openSocket(t, address)));
    for (const [index, socket] of sockets.entries()) socket.write(BEGINNINGS[index % BEGINNINGS.length] ?? '');
  }
  await assertServes(t, '/with-idlers');
  t.deepEqual(await pids(), before);
});

/** A file with one block of 1,000 bytes, and how the data plane names it. */
async function blockOf(path: string): Promise<ExtendedBlock> {
  const fs = await cluster().sdk();
  const writer = await fs.create(path);
  await writer.write(Buffer.alloc(1_000, 'x'));
  await writer.close();
  const block = (await healthOf(fs, path)).files[0]?.blocks[0]?.block;
  if (block === undefined) throw new Error('the file has no block');
  return { ...block, poolId: fs.serverDefaults().clusterId };
}

test.serial('operations that lie about blocks, clusters and lengths change nothing', async (t) => {
  const block = await blockOf('/victim');
  const before = await pids();
  const read = { op: 'readBlock', block, clientName: 'liar', offset: 0, length: 1_000, sendChecksums: true } as const;
  const write = {
    op: 'writeBlock',
    block,
    clientName: 'liar',
    targets: [],
    stage: 'PIPELINE_SETUP_CREATE',
    pipelineSize: 1,
    minBytesRcvd: 0,
    maxBytesRcvd: 0,
    latestGenerationStamp: block.generationStamp,
    checksum: { type: 'CRC32C', bytesPerChecksum: 512 },
    storageId: '',
    targetStorageIds: [],
  } as const;
  const unknown = { ...block, blockId: block.blockId + 1_000 };
  const lies: readonly Operation[] = [
    { ...read, block: { ...block, poolId: 'CID-another' } },
    { ...read, block: unknown },
    { ...read, block: { ...block, generationStamp: block.generationStamp - 1 } },
    { ...read, block: { ...block, generationStamp: block.generationStamp + 1 } },
    { ...read, offset: 2_000 },
    { ...read, length: 1_001 },
    { ...read, offset: Number.MAX_SAFE_INTEGER - 1, length: 1 },
    { ...write, block: { ...block, poolId: 'CID-another' } },
    write, // the replica is finalized
    { ...write, stage: 'PIPELINE_SETUP_APPEND', block: unknown },
    { ...write, stage: 'PIPELINE_CLOSE_RECOVERY', block: unknown },
    { ...write, stage: 'TRANSFER_RBW', block: unknown },
    { op: 'blockChecksum', block: unknown },
  ];
  for (const lie of lies) {
    for (const datanode of [1, 2, 3]) {
      const answer = await sendAndEnd(t, cluster().address(datanode), encodeOperation(lie));
      t.true(answer.length > 0, `a refusal of ${JSON.stringify(lie)}`);
    }
  }
  t.is((await cluster().dfs(['cat', '/victim'])).stdout, 'x'.repeat(1_000));
  const { summary } = await healthOf(await cluster().sdk(), '/victim');
  t.deepEqual([summary.underReplicated, summary.corrupt], [0, 0]);
  t.deepEqual(await pids(), before);
});

test.serial('a write whose packets are garbage leaves no replica that anybody would read', async (t) => {
  const block = await blockOf('/victim2');
  const before = await pids();
  const random = seededRandom(20);
  for (let i = 0; i < 20; i++) {
    const operation = encodeOperation({
      op: 'writeBlock',
      block: { ...block, blockId: block.blockId + 1 + i },
      clientName: 'liar',
      targets: [],
      stage: 'PIPELINE_SETUP_CREATE',
      pipelineSize: 1,
      minBytesRcvd: 0,
      maxBytesRcvd: 0,
      latestGenerationStamp: block.generationStamp,
      checksum: { type: 'CRC32C', bytesPerChecksum: 512 },
      storageId: '',
      targetStorageIds: [],
    });
    await sendAndEnd(t, cluster().address(1), Buffer.concat([operation, random.bytes(random.int(5_000))]));
    // An operation with a few wrong bytes.
    const damaged = Buffer.from(operation);
    for (let n = 0; n < 3; n++) damaged[random.int(damaged.length)] = random.int(256);
    await sendAndEnd(t, cluster().address(2), damaged);
  }
  await assertServes(t, '/after-liars');
  t.is((await cluster().dfs(['cat', '/victim2'])).stdout, 'x'.repeat(1_000));
  t.deepEqual(await pids(), before);
});

/** The error of a call whose message is `bytes`, whatever they are. */
async function errorOfRawCall(client: Client, path: string, bytes: Buffer): Promise<ServiceError> {
  const raw = (value: Buffer): Buffer => value;
  return await new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, raw, raw, bytes, (error) => {
      if (error === null) reject(new Error(`${path} was answered`));
      else resolve(error);
    });
  });
}

test.serial('calls with messages that cannot be read get an error each, and the connection lives on', async (t) => {
  const before = await pids();
  const client = new Client(cluster().namenode, credentials.createInsecure());
  t.teardown(() => client.close());
  for (const method of ['Create', 'GetListing', 'AddBlock', 'Rename', 'Complete', 'Fsck']) {
    for (let i = 0; i < 5; i++) {
      const error = await errorOfRawCall(client, `/minihdfs.ClientProtocol/${method}`, randomBytes(200));
      t.regex(error.details, /\S/);
      t.notRegex(error.details, /\n\s+at /, 'no stack trace');
    }
  }
  for (const method of ['Register', 'Heartbeat', 'BlockReport', 'BlockReceivedAndDeleted']) {
    const error = await errorOfRawCall(client, `/minihdfs.DatanodeProtocol/${method}`, randomBytes(200));
    t.regex(error.details, /\S/);
  }
  await assertServes(t, '/after-raw-calls');
  t.deepEqual(await pids(), before);
});

test.serial('a message beyond the limit is refused with the limit in the error', async (t) => {
  const before = await pids();
  const { client, close } = connectService('ClientProtocol', cluster().namenode, {
    defaultTimeoutMs: 60_000,
    maxMessageBytes: 2 ** 30,
  });
  t.teardown(close);
  const header = { user: 'me', clientId: Buffer.alloc(16), callId: 1 };
  const error = await t.throwsAsync(client.Mkdirs({ header, path: `/${'x'.repeat(2 ** 21)}`, createParent: true }));
  t.is(error?.name, 'MessageTooLarge');
  t.regex(error?.message ?? '', /1048576|1 M/);
  await assertServes(t, '/after-large-message');
  t.deepEqual(await pids(), before);
});
