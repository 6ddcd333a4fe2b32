import test, { type ExecutionContext } from 'ava';
import { type CheckedFile, fsck } from '../../namenode/fsck.js';
import { inodeById } from '../../namenode/storage/inode-rows.js';
import type { InodeRow } from '../../namenode/storage/rows.js';
import { BlockState, InodeType, ReplicaRowState, ROOT_INODE_ID } from '../../namenode/storage/schema.js';
import { BlockFixture, STAMP } from './support/block-fixture.js';

const { LIVE, CORRUPT, EXCESS, INVALIDATE } = ReplicaRowState;

async function withFixture(t: ExecutionContext, run: (fixture: BlockFixture) => Promise<void>): Promise<void> {
  const fixture = new BlockFixture();
  t.teardown(() => fixture.close());
  for (const [index, rack] of ['/a', '/a', '/b', '/b'].entries()) await fixture.node(index, { rack });
  await run(fixture);
}

function inode(
  fixture: BlockFixture,
  id: number,
  parent: number,
  name: string,
  type: number = InodeType.FILE,
): Promise<unknown> {
  const sql = `INSERT INTO inodes (id, parent, name, type, mode, owner, grp, mtime_ms, atime_ms, children, replication, block_size, length)
               VALUES (?, ?, ?, ?, 420, 'u', 'g', 0, 0, 0, 3, 1000, 100)`;
  return fixture.journal.mutate(({ db }) => db.prepare(sql).run(id, parent, name, type));
}

async function check(fixture: BlockFixture, id = ROOT_INODE_ID, path = '/') {
  const { committed, datanodes, clock } = fixture;
  const { signal } = new AbortController();
  const batches = fsck({ committed, datanodes, clock, signal }, inodeById(committed, id) as InodeRow, path);
  const files: CheckedFile[] = [];
  const sizes: number[] = [];
  for (;;) {
    const next = batches.next();
    await fixture.clock.advance(0);
    const { done, value } = await next;
    if (done) return { files, sizes, summary: value };
    files.push(...value);
    sizes.push(value.length);
  }
}

/** A file whose one block has these replicas: [index of the DataNode, state]. */
async function file(
  fixture: BlockFixture,
  id: number,
  replicas: readonly (readonly [number, number])[],
): Promise<void> {
  await inode(fixture, id, ROOT_INODE_ID, `f${id}`);
  await fixture.block(id, { inode: id });
  for (const [index, state] of replicas) await fixture.replica(index, id, state);
}

const cases = [
  {
    what: 'healthy',
    replicas: [
      [0, LIVE],
      [1, LIVE],
      [2, LIVE],
    ],
    counts: {},
  },
  {
    what: 'under-replicated',
    replicas: [
      [0, LIVE],
      [2, LIVE],
    ],
    counts: { underReplicated: 1 },
  },
  {
    what: 'over-replicated',
    replicas: [
      [0, LIVE],
      [1, LIVE],
      [2, LIVE],
      [3, LIVE],
    ],
    counts: { overReplicated: 1 },
  },
  {
    what: 'with a surplus replica on its way out',
    replicas: [
      [0, LIVE],
      [1, LIVE],
      [2, LIVE],
      [3, EXCESS],
    ],
    counts: {},
  },
  {
    what: 'with a corrupt replica',
    replicas: [
      [0, LIVE],
      [1, CORRUPT],
      [2, LIVE],
    ],
    counts: { underReplicated: 1 },
  },
  {
    what: 'corrupt',
    replicas: [
      [0, CORRUPT],
      [1, CORRUPT],
    ],
    counts: { corrupt: 1 },
  },
  { what: 'missing', replicas: [], counts: { missing: 1 } },
  { what: 'with nothing but a replica that is to be deleted', replicas: [[0, INVALIDATE]], counts: { missing: 1 } },
] as const;

const NOTHING_WRONG = { underReplicated: 0, overReplicated: 0, misReplicated: 0, corrupt: 0, missing: 0 };

for (const { what, replicas, counts } of cases) {
  test(`a block that is ${what}`, async (t) => {
    await withFixture(t, async (fixture) => {
      await file(fixture, 100, replicas);
      const { summary, files } = await check(fixture);
      t.like(summary, {
        ...NOTHING_WRONG,
        ...counts,
        totalFiles: 1,
        totalBlocks: 1,
        totalDirectories: 1,
        totalBytes: 100,
      });
      t.like(summary, { datanodes: 4, racks: 2 });
      t.is(files[0]?.path, '/f100');
    });
  });
}

test('a block with all replicas on one rack is mis-replicated', async (t) => {
  await withFixture(t, async (fixture) => {
    await fixture.node(4, { rack: '/a' });
    await file(fixture, 100, [
      [0, LIVE],
      [1, LIVE],
      [4, LIVE],
    ]);
    const { summary, files } = await check(fixture);
    t.like(summary, { ...NOTHING_WRONG, misReplicated: 1 });
    t.true(files[0]?.blocks[0]?.misReplicated);
  });
});

test('the states of replicas', async (t) => {
  await withFixture(t, async (fixture) => {
    await file(fixture, 100, [
      [0, LIVE],
      [1, LIVE],
      [2, CORRUPT],
      [3, EXCESS],
    ]);
    fixture.storage(1).datanode.state = 'stale';
    const { files } = await check(fixture);
    const states = files[0]?.blocks[0]?.replicas.map(({ replica, state }) => `${replica.node.uuid} ${state}`);
    t.deepEqual(states, ['dn-0 LIVE', 'dn-1 STALE', 'dn-3 EXCESS', 'dn-2 CORRUPT']);
  });
});

test('replicas on dead DataNodes are not there; those with another stamp are corrupt', async (t) => {
  await withFixture(t, async (fixture) => {
    await file(fixture, 100, [[0, LIVE]]);
    await fixture.replica(1, 100, LIVE, { generationStamp: STAMP - 1 });
    const dead = fixture.storage(0).datanode;
    dead.state = 'dead';
    const { summary } = await check(fixture);
    t.like(summary, { ...NOTHING_WRONG, corrupt: 1, datanodes: 3 });
  });
});

test('blocks that are being written are listed and not judged', async (t) => {
  await withFixture(t, async (fixture) => {
    await inode(fixture, 100, ROOT_INODE_ID, 'f');
    await fixture.block(100, { inode: 100, state: BlockState.UNDER_CONSTRUCTION });
    const { summary, files } = await check(fixture);
    t.like(summary, { ...NOTHING_WRONG, totalFiles: 1, totalBlocks: 0 });
    t.true(files[0]?.blocks[0]?.underConstruction);
  });
});

test('a tree is walked in the order of its names, each file once, in bounded batches', async (t) => {
  await withFixture(t, async (fixture) => {
    const { DIRECTORY } = InodeType;
    await inode(fixture, 100, ROOT_INODE_ID, 'a', DIRECTORY);
    await inode(fixture, 101, 100, 'deep', DIRECTORY);
    await inode(fixture, 102, 101, 'x');
    await inode(fixture, 103, ROOT_INODE_ID, 'b');
    await inode(fixture, 104, ROOT_INODE_ID, 'many', DIRECTORY);
    for (let i = 0; i < 450; i++) await inode(fixture, 1_000 + i, 104, `f${String(i).padStart(4, '0')}`);
    const { files, sizes, summary } = await check(fixture);
    t.like(summary, { totalFiles: 452, totalDirectories: 4 });
    t.deepEqual(
      files.slice(0, 3).map(({ path }) => path),
      ['/a/deep/x', '/b', '/many/f0000'],
    );
    t.is(new Set(files.map(({ path }) => path)).size, 452);
    t.true(sizes.every((size) => size <= 100));
  });
});

test('a subtree, or one file, can be checked alone', async (t) => {
  await withFixture(t, async (fixture) => {
    await inode(fixture, 100, ROOT_INODE_ID, 'a', InodeType.DIRECTORY);
    await inode(fixture, 101, 100, 'x');
    await inode(fixture, 102, ROOT_INODE_ID, 'y');
    t.deepEqual(
      (await check(fixture, 100, '/a')).files.map(({ path }) => path),
      ['/a/x'],
    );
    const { files, summary } = await check(fixture, 101, '/a/x');
    t.deepEqual(
      files.map(({ path }) => path),
      ['/a/x'],
    );
    t.is(summary.totalDirectories, 0);
  });
});

test('a file of many blocks is checked to its end', async (t) => {
  await withFixture(t, async (fixture) => {
    await inode(fixture, 100, ROOT_INODE_ID, 'f');
    await fixture.journal.mutate(({ db }) => {
      const insert = db.prepare(
        'INSERT INTO blocks (id, inode, idx, generation_stamp, length, state, replication) VALUES (?, 100, ?, 1, 1, 4, 3)',
      );
      for (let i = 0; i < 1_000; i++) insert.run(1_000 + i, i);
    });
    const { files, summary } = await check(fixture);
    t.is(files[0]?.blocks.length, 1_000);
    t.is(summary.missing, 1_000);
  });
});
