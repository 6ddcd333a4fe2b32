import test from 'ava';
import fc from 'fast-check';
import type { FileSystem } from '../../client/index.js';
import { DfsError } from '../../common/errors.js';
import { FakeClock } from '../support/fake-clock.js';
import { FakeCluster, testBytes } from './support/fake-cluster.js';

const CHUNK = 512;
const PACKET = 4096;
const BLOCK = 16 * 1024;

async function put(fs: FileSystem, path: string, content: Buffer, pieceSize = content.length): Promise<void> {
  const writer = await fs.create(path);
  for (let at = 0; at < content.length; at += pieceSize) await writer.write(content.subarray(at, at + pieceSize));
  await writer.close();
}

/** Resolves once `condition` holds. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

for (const size of [
  0,
  1,
  CHUNK - 1,
  CHUNK,
  CHUNK + 1,
  PACKET - 1,
  PACKET,
  PACKET + 1,
  BLOCK - 1,
  BLOCK,
  BLOCK + 1,
  5 * BLOCK + 7,
]) {
  test(`a file of ${size} bytes is the same on all DataNodes`, async (t) => {
    const cluster = new FakeCluster(['a', 'b', 'c']);
    const fs = await cluster.connect();
    const content = testBytes(size);
    await put(fs, '/f', content, 1000);
    t.true(cluster.content('/f').equals(content));
    t.true(cluster.file('/f').complete);
    t.is(cluster.file('/f').blocks.length, Math.ceil(size / BLOCK));
    await fs.close();
  });
}

test('a buffer may be used again as soon as its write has resolved', async (t) => {
  const cluster = new FakeCluster(['a']);
  const fs = await cluster.connect();
  const writer = await fs.create('/f');
  const buffer = Buffer.alloc(10_000);
  for (let i = 0; i < 5; i++) {
    buffer.fill(i);
    await writer.write(buffer);
  }
  await writer.close();
  const expected = Buffer.concat([0, 1, 2, 3, 4].map((value) => Buffer.alloc(10_000, value)));
  t.true(cluster.content('/f').equals(expected));
  await fs.close();
});

test('writes that do not wait for each other keep their order', async (t) => {
  const cluster = new FakeCluster(['a']);
  const fs = await cluster.connect();
  const writer = await fs.create('/f');
  const content = testBytes(3 * BLOCK);
  const writes = [];
  for (let at = 0; at < content.length; at += 999) writes.push(writer.write(content.subarray(at, at + 999)));
  await Promise.all([...writes, writer.close()]);
  t.true(cluster.content('/f').equals(content));
  await fs.close();
});

// ---- Failures of DataNodes -------------------------------------------------------------------------------------------

for (const [index, name] of ['first', 'second', 'last'].entries()) {
  for (const packets of [1, 2, 4, 5]) {
    const stage = packets === 5 ? 'the empty last packet' : `packet ${packets} of a block`;
    test(`the write goes on when the ${name} DataNode dies at ${stage}`, async (t) => {
      const cluster = new FakeCluster(['a', 'b', 'c']);
      const fs = await cluster.connect();
      let seen = 0;
      cluster.datanode(index).misbehaviour.onPacket = () => (++seen === packets ? 'die' : undefined);
      const content = testBytes(2 * BLOCK);
      await put(fs, '/f', content);
      t.true(cluster.content('/f').equals(content));
      t.is(cluster.file('/f').blocks[0]?.nodes.length, 2);
      t.is(cluster.called('UpdatePipeline').length, 1);
      // The next block is not even tried with the node that has failed.
      t.is(cluster.called('AddBlock').length, 2);
      t.deepEqual(cluster.called('AddBlock')[1].excludeDatanodes, [cluster.datanode(index).uuid]);
      await fs.close();
    });

    test(`the write goes on when the ${name} DataNode dies before it acknowledges ${stage}`, async (t) => {
      const cluster = new FakeCluster(['a', 'b', 'c']);
      const fs = await cluster.connect();
      let seen = 0;
      cluster.datanode(index).misbehaviour.beforeAck = () => (++seen === packets ? 'die' : undefined);
      const content = testBytes(BLOCK + 1);
      await put(fs, '/f', content);
      t.true(cluster.content('/f').equals(content));
      t.is(cluster.file('/f').blocks[0]?.nodes.length, 2);
      await fs.close();
    });
  }
}

test('whatever two DataNodes die whenever, the third one has every byte that was written', async (t) => {
  const moment = fc.record({ node: fc.nat({ max: 2 }), packet: fc.nat({ max: 12 }), stored: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(moment, { maxLength: 2, selector: ({ node }) => node }),
      fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      async (deaths, pieces, flushing) => {
        const cluster = new FakeCluster(['a', 'b', 'c']);
        const fs = await cluster.connect();
        for (const { node, packet, stored } of deaths) {
          let seen = 0;
          const dying = (): 'die' | undefined => (seen++ === packet ? 'die' : undefined);
          cluster.datanode(node).misbehaviour[stored ? 'beforeAck' : 'onPacket'] = dying;
        }
        const content = testBytes(pieces.reduce((sum, piece) => sum + piece, 0));
        const writer = await fs.create('/f');
        let at = 0;
        for (const piece of pieces) {
          await writer.write(content.subarray(at, at + piece));
          at += piece;
          if (flushing) await writer.hflush();
        }
        await writer.close();
        t.true(cluster.content('/f').equals(content));
        await fs.close();
      },
    ),
    { numRuns: 60 },
  );
});

test('a DataNode that finds a damaged packet is left out', async (t) => {
  const cluster = new FakeCluster(['a', 'b', 'c']);
  const fs = await cluster.connect();
  cluster.datanode(2).misbehaviour.onPacket = ({ seqno }) => (seqno === 1 ? 'checksum' : undefined);
  const content = testBytes(BLOCK);
  await put(fs, '/f', content);
  t.true(cluster.content('/f').equals(content));
  t.deepEqual(
    cluster.file('/f').blocks[0]?.nodes.map(({ host }) => host),
    ['a', 'b'],
  );
  await fs.close();
});

test('when no DataNode is left the error names each one and why', async (t) => {
  const cluster = new FakeCluster(['a', 'b']);
  const fs = await cluster.connect();
  for (const datanode of cluster.datanodes) {
    let seen = 0;
    datanode.misbehaviour.onPacket = () => (++seen === 2 ? 'die' : undefined);
  }
  const error = await t.throwsAsync(put(fs, '/f', testBytes(BLOCK)), { instanceOf: DfsError, name: 'PipelineFailed' });
  t.regex(error.message, /\/f/);
  t.regex(error.message, /a:9866: /);
  t.regex(error.message, /b:9866: /);
  await fs.close();
});

test('after a failure every operation rejects with it', async (t) => {
  const cluster = new FakeCluster(['a']);
  const fs = await cluster.connect();
  cluster.datanode(0).misbehaviour.onPacket = () => 'die';
  const writer = await fs.create('/f');
  await writer.write(testBytes(PACKET));
  await t.throwsAsync(writer.hflush(), { name: 'PipelineFailed' });
  await t.throwsAsync(writer.write(testBytes(1)), { name: 'PipelineFailed' });
  await t.throwsAsync(writer.close(), { name: 'PipelineFailed' });
  await fs.close();
});

test('a block whose pipeline cannot be set up is given back, and asked for without the DataNode to blame', async (t) => {
  const cluster = new FakeCluster(['a', 'b', 'c']);
  const fs = await cluster.connect();
  cluster.datanode(1).die();
  const content = testBytes(100);
  await put(fs, '/f', content);
  t.true(cluster.content('/f').equals(content));
  t.is(cluster.called('AbandonBlock').length, 1);
  t.deepEqual(cluster.called('AddBlock')[1].excludeDatanodes, [cluster.datanode(1).uuid]);
  await fs.close();
});

test('DataNodes that were left out get another chance when there are no others', async (t) => {
  const cluster = new FakeCluster(['a']);
  const fs = await cluster.connect();
  let refusals = 0;
  cluster.datanode(0).misbehaviour.refuse = () => (refusals++ === 0 ? 'busy' : undefined);
  await put(fs, '/f', testBytes(100));
  t.true(cluster.content('/f').equals(testBytes(100)));
  await fs.close();
});

test('a file cannot be written when no pipeline can be set up, and the error says why', async (t) => {
  const cluster = new FakeCluster(['a', 'b']);
  const fs = await cluster.connect();
  for (const datanode of cluster.datanodes) datanode.misbehaviour.refuse = () => 'out of space';
  const error = await t.throwsAsync(put(fs, '/f', testBytes(100)), { name: 'PipelineFailed' });
  t.regex(error.message, /a:9866: out of space/);
  t.regex(error.message, /b:9866: out of space/);
  await fs.close();
});

// ---- The NameNode ----------------------------------------------------------------------------------------------------

test('a writer outlives a restart of the NameNode, and repeats its calls under their numbers', async (t) => {
  const cluster = new FakeCluster(['a']);
  const fs = await cluster.connect();
  const failures = new Map([
    ['AddBlock', [new DfsError('ConnectionLost', 'gone'), new DfsError('StartupSafeMode', 'starting')]],
    ['Complete', [new DfsError('Timeout', 'slow')]],
  ]);
  cluster.intervene = (method) => {
    const failure = failures.get(method)?.shift();
    if (failure !== undefined) throw failure;
  };
  await put(fs, '/f', testBytes(100));
  t.true(cluster.content('/f').equals(testBytes(100)));
  for (const [method, times] of [
    ['AddBlock', 3],
    ['Complete', 2],
  ] as const) {
    const headers = cluster.called(method).map(({ header }) => `${header.clientId.toString('hex')} ${header.callId}`);
    t.is(headers.length, times);
    t.is(new Set(headers).size, 1);
  }
  await fs.close();
});

test('a new file is refused at once while the NameNode is in safe mode', async (t) => {
  const cluster = new FakeCluster(['a']);
  const fs = await cluster.connect();
  cluster.intervene = (method) => {
    if (method === 'Create') throw new DfsError('SafeMode', 'Name node is in safe mode.');
  };
  await t.throwsAsync(fs.create('/f'), { name: 'SafeMode' });
  t.is(cluster.called('Create').length, 1);
  await fs.close();
});

test('closing waits until the NameNode has heard of the last block', async (t) => {
  const cluster = new FakeCluster(['a']);
  const fs = await cluster.connect();
  cluster.incompleteAnswers = 3;
  await put(fs, '/f', testBytes(100));
  const calls = cluster.called('Complete').map(({ header }) => header.callId);
  t.is(new Set(calls).size, 4); // each one is a new call: the answer to a repeat would be the same
  await fs.close();
});

test('closing does not wait for ever', async (t) => {
  const cluster = new FakeCluster(['a']);
  const fs = await cluster.connect({ 'dfs.client.block.write.locateFollowingBlock.retries': '0' });
  cluster.incompleteAnswers = Number.POSITIVE_INFINITY;
  await t.throwsAsync(put(fs, '/f', testBytes(100)), { name: 'NotReplicatedYet', message: /Unable to close file \/f/ });
  await fs.close();
});

// ---- Flushes ---------------------------------------------------------------------------------------------------------

test('hflush returns when all DataNodes have the bytes, and tells the NameNode of the first ones', async (t) => {
  const cluster = new FakeCluster(['a', 'b', 'c']);
  const fs = await cluster.connect();
  const writer = await fs.create('/f');
  await writer.write(Buffer.from('hello'));
  await writer.hflush();
  for (const { replicas } of cluster.datanodes) {
    t.deepEqual(
      [...replicas.values()].map(({ data }) => data.toString()),
      ['hello'],
    );
  }
  await writer.write(Buffer.from(' world'));
  await writer.hflush();
  await writer.hflush();
  const told = (): number[] => cluster.called('Fsync').map(({ lastBlock }) => lastBlock.numBytes);
  t.deepEqual(told(), [5]);
  await writer.hsync();
  await writer.hsync();
  t.deepEqual(told(), [5, 11]);
  await writer.write(testBytes(BLOCK));
  await writer.hflush();
  t.deepEqual(told(), [5, 11, 11], 'the first ones of the next block');
  await writer.close();
  t.is(cluster.content('/f').subarray(0, 11).toString(), 'hello world');
  await fs.close();
});

test('a flush at the end of a block waits for the block', async (t) => {
  const cluster = new FakeCluster(['a']);
  const fs = await cluster.connect();
  const writer = await fs.create('/f');
  await writer.write(testBytes(BLOCK));
  await writer.hsync();
  t.true([...cluster.datanode(0).replicas.values()].every(({ finalized }) => finalized));
  t.is(cluster.called('Fsync')[0].lastBlock.numBytes, BLOCK);
  await writer.close();
  await fs.close();
});

test('a write stops taking bytes when the DataNodes do not take them', async (t) => {
  const cluster = new FakeCluster(['a']);
  const fs = await cluster.connect({ 'dfs.client.write.max-packets-in-flight': '4', 'dfs.blocksize': '1m' });
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  cluster.datanode(0).misbehaviour.onPacket = () => held;
  const writer = await fs.create('/f');
  let taken = 0;
  const writing = (async () => {
    for (; taken < 100; taken++) await writer.write(testBytes(PACKET));
  })();
  await until(() => cluster.datanode(0).packetsReceived.length > 0);
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  t.is(taken, 3); // the fourth one fills the window and waits
  release();
  await writing;
  await writer.close();
  t.is(cluster.content('/f').length, 100 * PACKET);
  await fs.close();
});

// ---- Time ------------------------------------------------------------------------------------------------------------

test('an idle writer keeps its pipeline and its lease alive', async (t) => {
  const clock = new FakeClock();
  const cluster = new FakeCluster(['a', 'b'], clock);
  const fs = await cluster.connect();
  const writer = await fs.create('/f');
  await writer.write(Buffer.from('x'));
  await writer.hflush();
  await clock.advance(10 * 60_000);
  t.true(cluster.datanode(1).packetsReceived.filter((seqno) => seqno === -1).length >= 15);
  t.true(cluster.called('RenewLease').length >= 19);
  await writer.write(Buffer.from('y'));
  await writer.close();
  t.is(cluster.content('/f').toString(), 'xy');
  t.is(cluster.called('UpdatePipeline').length, 0);
  await fs.close();
  t.is(clock.pendingTimers, 0);
});

test('a DataNode that falls silent is found out and left out', async (t) => {
  const clock = new FakeClock();
  const cluster = new FakeCluster(['a', 'b'], clock);
  const fs = await cluster.connect();
  cluster.datanode(0).misbehaviour.onPacket = () => new Promise(() => {});
  const writing = put(fs, '/f', testBytes(100));
  await clock.advance(3 * 60_000);
  await writing;
  t.true(cluster.datanode(1).replicas.size > 0);
  t.deepEqual(
    cluster.file('/f').blocks[0]?.nodes.map(({ host }) => host),
    ['b'],
  );
  await fs.close();
});

// ---- The block that comes with the file ------------------------------------------------------------------------------

test('the first block is asked for together with the file', async (t) => {
  const cluster = new FakeCluster(['a', 'b', 'c']);
  cluster.givesFirstBlocks = true;
  const fs = await cluster.connect({}, 'here');
  const content = testBytes(BLOCK + 1);
  await put(fs, '/f', content);
  t.true(cluster.content('/f').equals(content));
  t.is(cluster.called('Create')[0].clientHost, 'here');
  t.is(cluster.called('AddBlock').length, 1);
  t.is(cluster.called('Complete')[0].unusedBlock, null);
  await fs.close();
});

test('a NameNode that gives no first block is asked for one', async (t) => {
  const cluster = new FakeCluster(['a']);
  const fs = await cluster.connect();
  await put(fs, '/f', testBytes(10));
  t.true(cluster.called('Create')[0].withFirstBlock);
  t.is(cluster.called('AddBlock').length, 1);
  await fs.close();
});

test('another block is asked for when the first one cannot be written to its DataNodes', async (t) => {
  const cluster = new FakeCluster(['a', 'b']);
  cluster.givesFirstBlocks = true;
  cluster.datanode(0).alive = false;
  const fs = await cluster.connect();
  await put(fs, '/f', testBytes(10));
  t.is(cluster.called('AbandonBlock').length, 1);
  t.deepEqual(cluster.called('AddBlock')[0].excludeDatanodes, [cluster.datanode(0).uuid]);
  t.true(cluster.content('/f').equals(testBytes(10)));
  await fs.close();
});

test('a file without bytes gives its first block back as it is closed, and the next one is made without', async (t) => {
  const cluster = new FakeCluster(['a']);
  cluster.givesFirstBlocks = true;
  const fs = await cluster.connect();
  const asked = (): boolean => cluster.called('Create').at(-1).withFirstBlock;
  await put(fs, '/empty', testBytes(0));
  t.true(asked());
  t.is(typeof cluster.called('Complete')[0].unusedBlock.blockId, 'number');
  t.is(cluster.file('/empty').blocks.length, 0);
  await put(fs, '/f', testBytes(10));
  t.false(asked());
  await put(fs, '/g', testBytes(10));
  t.true(asked());
  const writer = await fs.create('/none', { firstBlock: false });
  t.false(asked());
  await writer.close();
  t.is(cluster.called('Complete').at(-1).unusedBlock, null);
  await fs.close();
});

test('an aborted writer gives the first block back, to which it has written nothing', async (t) => {
  const cluster = new FakeCluster(['a']);
  cluster.givesFirstBlocks = true;
  const fs = await cluster.connect();
  const writer = await fs.create('/f');
  await writer.abort();
  t.is(cluster.called('AbandonBlock').length, 1);
  t.is(cluster.file('/f').blocks.length, 0);
  await fs.close();
});

test('a first block without DataNodes is an error of the NameNode', async (t) => {
  const cluster = new FakeCluster(['a']);
  cluster.givesFirstBlocks = true;
  cluster.replicationMax = 0;
  const fs = await cluster.connect();
  await t.throwsAsync(fs.create('/f'), { name: 'ProtocolViolation', message: /gave a block of \/f no DataNode/ });
  await fs.close();
});

// ---- Abort -----------------------------------------------------------------------------------------------------------

test('an aborted writer gives its block back and leaves the file open', async (t) => {
  const cluster = new FakeCluster(['a']);
  const fs = await cluster.connect();
  const abort = new AbortController();
  const writer = await fs.create('/f', { signal: abort.signal });
  await writer.write(testBytes(PACKET + 1));
  await until(() => cluster.datanode(0).packetsReceived.length > 0);
  abort.abort();
  await t.throwsAsync(writer.close(), { name: 'Cancelled' });
  await until(() => cluster.called('AbandonBlock').length > 0);
  await until(() => cluster.datanode(0).connections === 0);
  t.false(cluster.file('/f').complete);
  await fs.close();
});

test('closing the file system aborts what is open', async (t) => {
  const cluster = new FakeCluster(['a']);
  const fs = await cluster.connect();
  const writer = await fs.create('/f');
  await writer.write(testBytes(10));
  await fs.close();
  await t.throwsAsync(writer.close(), { name: 'Cancelled' });
  t.false(cluster.file('/f').complete);
});

test('a block that readers have seen is not given back', async (t) => {
  const cluster = new FakeCluster(['a']);
  const fs = await cluster.connect();
  const writer = await fs.create('/f');
  await writer.write(testBytes(10));
  await writer.hflush();
  await writer.abort();
  t.is(cluster.called('AbandonBlock').length, 0);
  await fs.close();
});
