import test from 'ava';
import { DfsError } from '../../../common/errors.js';
import { blockClient, serve, until } from './grpc-fixture.js';

test('a stream of answers arrives whole; an error after some of them too', async (t) => {
  const { address } = await serve(t, {
    blocks: {
      async *ReadBlock({ length }) {
        for (let i = 0; i < 5; i++) yield { data: Buffer.alloc(1000, i) };
        if (length === 1) throw new DfsError('Corrupt', 'chunk 5 is bad');
      },
    },
  });
  const client = blockClient(t, address);
  const received: number[] = [];
  for await (const { data } of client.ReadBlock({})) received.push(data[0] ?? -1);
  t.deepEqual(received, [0, 1, 2, 3, 4]);

  received.length = 0;
  await t.throwsAsync(
    async () => {
      for await (const { data } of client.ReadBlock({ length: 1 })) received.push(data[0] ?? -1);
    },
    { name: 'Corrupt', message: 'chunk 5 is bad' },
  );
  t.deepEqual(received, [0, 1, 2, 3, 4]);
});

test('a reader that stops early ends the stream on the server', async (t) => {
  let ended = false;
  const { address } = await serve(t, {
    blocks: {
      async *ReadBlock() {
        try {
          for (;;) yield { data: Buffer.alloc(64 * 1024) };
        } finally {
          ended = true;
        }
      },
    },
  });
  for await (const _ of blockClient(t, address).ReadBlock({})) break;
  await until(() => ended);
  t.true(ended);
});

test('a slow reader slows the server down', async (t) => {
  let produced = 0;
  const { address } = await serve(t, {
    blocks: {
      async *ReadBlock() {
        for (; produced < 1000; produced++) yield { data: Buffer.alloc(256 * 1024) };
      },
    },
  });
  let consumed = 0;
  for await (const _ of blockClient(t, address).ReadBlock({})) {
    consumed++;
    await new Promise((resolve) => setImmediate(resolve));
    if (consumed === 1) {
      // Nothing more is asked for until the server has come to a stand.
      for (let before = -1; before !== produced; ) {
        before = produced;
        for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
      }
      t.true(produced < 100, `${produced} messages were made for a reader that took one`);
    }
  }
  t.is(consumed, 1000);
});

test('a stream of requests arrives whole and gets one answer', async (t) => {
  const { address } = await serve(t, {
    blocks: {
      async WriteBlock(requests) {
        let bytes = 0;
        for await (const { data } of requests) bytes += data?.length ?? 0;
        return { block: { blockId: 1, generationStamp: 2, numBytes: bytes } };
      },
    },
  });
  async function* source() {
    yield { header: { clientName: 'c' } };
    for (let i = 0; i < 50; i++) yield { data: Buffer.alloc(100_000) };
  }
  const { block } = await blockClient(t, address).WriteBlock(source());
  t.is(block?.numBytes, 5_000_000);
});

test('an upload that the server refuses early rejects with its error', async (t) => {
  const { address } = await serve(t, {
    blocks: {
      async WriteBlock(requests) {
        for await (const _ of requests) throw new DfsError('PipelineFailed', 'dn-2 is gone');
        return {};
      },
    },
  });
  let released = false;
  async function* endless() {
    try {
      for (;;) yield { data: Buffer.alloc(100_000) };
    } finally {
      released = true;
    }
  }
  await t.throwsAsync(blockClient(t, address).WriteBlock(endless()), {
    name: 'PipelineFailed',
    message: 'dn-2 is gone',
  });
  await until(() => released);
});

test('an error of the source of an upload cancels it and reaches the caller', async (t) => {
  let begun = false;
  let serverSaw: unknown;
  const { address } = await serve(t, {
    blocks: {
      async WriteBlock(requests) {
        try {
          for await (const _ of requests) begun = true;
        } catch (error) {
          serverSaw = error;
        }
        return {};
      },
    },
  });
  async function* failing() {
    yield { data: Buffer.alloc(10) };
    await until(() => begun);
    throw new Error('cannot read the local file');
  }
  await t.throwsAsync(blockClient(t, address).WriteBlock(failing()), { message: 'cannot read the local file' });
  await until(() => serverSaw !== undefined);
  t.true(serverSaw instanceof DfsError && serverSaw.name === 'Cancelled');
});
