import test, { type ExecutionContext } from 'ava';
import type { Call } from '../../../namenode/namesystem.js';
import { setOwner, setPermission, setReplication, setTimes } from '../../../namenode/operations/attributes.js';
import { blockLocations } from '../../../namenode/operations/block-locations.js';
import { create } from '../../../namenode/operations/create.js';
import { deletePath } from '../../../namenode/operations/delete.js';
import { mkdirs } from '../../../namenode/operations/mkdirs.js';
import { contentSummary, fileInfo, listing } from '../../../namenode/operations/read-namespace.js';
import { rename } from '../../../namenode/operations/rename.js';
import { parsePath } from '../../../namenode/paths.js';
import { blocksOfInode } from '../../../namenode/storage/block-rows.js';
import { inodeById } from '../../../namenode/storage/inode-rows.js';
import { nextBlock, openFile, withLength, writeFile } from '../support/files.js';
import { callOf, type NamesystemFixture, openNamesystemFixture, ROOT } from '../support/namesystem-fixture.js';

function setUp(t: ExecutionContext, ...args: Parameters<typeof openNamesystemFixture>): NamesystemFixture {
  const fixture = openNamesystemFixture(...args);
  t.teardown(() => fixture.close());
  return fixture;
}

function mkdir({ ns }: NamesystemFixture, path: string, mode = 0o755, call: Call = ROOT): Promise<void> {
  return mkdirs(ns, call, { path: parsePath(path), mode, createParent: true, exclusive: false });
}

const DAY_MS = 86_400_000;
/** Changes after which old answers are looked for. */
const CLEANED_AFTER = 64;

const repeatable = (callId: number): Call => ({ ...ROOT, id: { clientId: 'AAAAAAAAAAAAAAAAAAAAAA==', callId } });

test('a repeated call gets its first answer and changes nothing', async (t) => {
  const fixture = setUp(t);
  const { ns } = fixture;
  await mkdir(fixture, '/d');
  t.true(await deletePath(ns, repeatable(1), parsePath('/d'), true));
  await mkdir(fixture, '/d');
  t.true(await deletePath(ns, repeatable(1), parsePath('/d'), true));
  t.not(fileInfo(ns, ROOT, parsePath('/d')), undefined);
  t.true(await deletePath(ns, repeatable(2), parsePath('/d'), true));
});

test('a repeated create answers with the same file, and a repeated rename is no error', async (t) => {
  const { ns } = setUp(t);
  const request = { path: parsePath('/f'), clientName: 'w', mode: 0o600, overwrite: false, createParent: false };
  const size = { replication: 3, blockSizeBytes: 1000 };
  const { inode: first } = await create(ns, repeatable(1), { ...request, ...size });
  t.is((await create(ns, repeatable(1), { ...request, ...size })).inode.id, first.id);
  await t.throwsAsync(create(ns, repeatable(2), { ...request, ...size }), { name: 'AlreadyBeingCreated' });
  const move = { source: parsePath('/f'), destination: parsePath('/g'), overwrite: false, exact: true };
  await rename(ns, repeatable(3), move);
  await rename(ns, repeatable(3), move);
  await t.throwsAsync(rename(ns, repeatable(4), move), { name: 'FileNotFound' });
});

for (const jumpMs of [DAY_MS, -DAY_MS]) {
  test(`answers are kept for their time when the clock of the NameNode is set by ${jumpMs} ms`, async (t) => {
    const fixture = setUp(t);
    const { ns, clock } = fixture;
    await mkdir(fixture, '/d');
    t.true(await deletePath(ns, repeatable(1), parsePath('/d'), true));
    clock.jump(jumpMs);
    await mkdir(fixture, '/d');
    for (let i = 0; i < CLEANED_AFTER; i++) await setPermission(ns, repeatable(2 + i), parsePath('/d'), 0o700);
    t.true(await deletePath(ns, repeatable(1), parsePath('/d'), true));
    t.not(fileInfo(ns, ROOT, parsePath('/d')), undefined);
    await clock.advance(ns.settings.retryCacheExpiryMs);
    for (let i = 0; i < CLEANED_AFTER; i++) await setPermission(ns, repeatable(100 + i), parsePath('/d'), 0o700);
    t.true(await deletePath(ns, repeatable(1), parsePath('/d'), true));
    t.is(fileInfo(ns, ROOT, parsePath('/d')), undefined);
  });
}

test('two copies of one call that arrive together are carried out once', async (t) => {
  const fixture = setUp(t);
  const { ns } = fixture;
  await mkdir(fixture, '/d');
  const deletions = [1, 1].map((id) => deletePath(ns, repeatable(id), parsePath('/d'), true));
  t.deepEqual(await Promise.all(deletions), [true, true]);
  t.is(ns.journal.counters.retryEntries, 1);
});

test('a refused call is carried out when it comes again', async (t) => {
  const fixture = setUp(t);
  await t.throwsAsync(setPermission(fixture.ns, repeatable(1), parsePath('/d'), 0o700), { name: 'FileNotFound' });
  await mkdir(fixture, '/d');
  await setPermission(fixture.ns, repeatable(1), parsePath('/d'), 0o700);
  t.is(fileInfo(fixture.ns, ROOT, parsePath('/d'))?.mode, 0o700);
});

test('in safe mode nothing is changed, and the message says what and why', async (t) => {
  const fixture = setUp(t);
  const { ns, blocks } = fixture;
  await mkdir(fixture, '/d');
  t.true(await deletePath(ns, repeatable(1), parsePath('/d'), true));
  blocks.safe = { on: true, message: 'Waiting for blocks.' };
  await t.throwsAsync(mkdir(fixture, '/e'), {
    name: 'SafeMode',
    message: 'Cannot create directory /e. Name node is in safe mode. Waiting for blocks.',
  });
  t.is(fileInfo(ns, ROOT, parsePath('/e')), undefined);
  // What was done before is answered all the same.
  t.true(await deletePath(ns, repeatable(1), parsePath('/d'), true));
});

test('a listing comes in pages, sorted by the bytes of the names', async (t) => {
  const fixture = setUp(t, { listingLimit: 4 });
  const { ns } = fixture;
  const names = ['b', 'a', 'Z', 'ä', 'a b', '😀', '～'];
  for (const name of names) await mkdir(fixture, `/d/${name}`);
  const all: string[] = [];
  let after = '';
  for (let more = true; more; ) {
    const { entries, hasMore } = listing(ns, ROOT, parsePath('/d'), after, 3);
    t.true(entries.length <= 3);
    all.push(...entries.map(({ name }) => name));
    after = all.at(-1) ?? '';
    more = hasMore;
  }
  t.deepEqual(all, ['Z', 'a', 'a b', 'b', 'ä', '～', '😀']);
  t.is(listing(ns, ROOT, parsePath('/d'), '', 0).entries.length, 4);
  t.is(listing(ns, ROOT, parsePath('/d'), '', 1000).entries.length, 4);
  t.deepEqual(listing(ns, ROOT, parsePath('/d'), '😀', 0), { entries: [], hasMore: false });
});

test('the listing of a file is the file; of nothing, an error', async (t) => {
  const { ns } = setUp(t);
  await writeFile(ns, '/f', [3]);
  t.deepEqual(
    listing(ns, ROOT, parsePath('/f'), '', 0).entries.map(({ name, length }) => [name, length]),
    [['f', 3]],
  );
  t.throws(() => listing(ns, ROOT, parsePath('/none'), '', 0), {
    name: 'FileNotFound',
    message: 'File does not exist: /none',
  });
  t.throws(() => fileInfo(ns, ROOT, parsePath('/f/below')), {
    name: 'ParentNotDirectory',
    message: '/f (is not a directory)',
  });
});

test('new directories and files inherit the group of their parent', async (t) => {
  const fixture = setUp(t);
  const { ns } = fixture;
  await mkdir(fixture, '/d', 0o777);
  await setOwner(ns, ROOT, parsePath('/d'), { owner: undefined, group: 'project' });
  await openFile(ns, '/d/x/y/f', { call: callOf('alice'), mode: 0o640 });
  const row = (path: string) => {
    const inode = fileInfo(ns, ROOT, parsePath(path));
    return [inode?.owner, inode?.grp, inode?.mode.toString(8)];
  };
  t.deepEqual(row('/d/x'), ['alice', 'project', '750']);
  t.deepEqual(row('/d/x/y'), ['alice', 'project', '750']);
  t.deepEqual(row('/d/x/y/f'), ['alice', 'project', '640']);
});

test('a directory takes only so many entries', async (t) => {
  const fixture = setUp(t, { maxDirectoryItems: 2 });
  const { ns } = fixture;
  await mkdir(fixture, '/d/a');
  await mkdir(fixture, '/d/b');
  await t.throwsAsync(mkdir(fixture, '/d/c'), {
    name: 'TooManyChildren',
    message: 'The directory item limit of /d is exceeded: limit=2 items=2',
  });
  await mkdir(fixture, '/c');
  const move = { source: parsePath('/c'), destination: parsePath('/d'), overwrite: false, exact: false };
  await t.throwsAsync(rename(ns, ROOT, move), { name: 'TooManyChildren' });
  await rename(ns, ROOT, { ...move, source: parsePath('/d/a'), destination: parsePath('/d/z'), exact: true });
});

test('replication and block size must be within their limits', async (t) => {
  const { ns } = setUp(t, { minReplication: 2, maxReplication: 4 });
  const request = { path: parsePath('/f'), clientName: 'w', mode: 0o600, overwrite: false, createParent: false };
  const make = (replication: number, blockSizeBytes: number) =>
    create(ns, ROOT, { ...request, replication, blockSizeBytes });
  await t.throwsAsync(make(5, 1000), { message: 'Requested replication factor of 5 exceeds maximum of 4 for /f' });
  await t.throwsAsync(make(1, 1000), { message: /of 1 is less than the required minimum of 2 for \/f/ });
  await t.throwsAsync(make(3, 9), { name: 'InvalidArgument', message: /min-block-size\): 9 < 10$/ });
  await t.throwsAsync(make(3, 2 ** 50), { name: 'InvalidArgument' });
  await make(4, 10);
  await t.throwsAsync(setReplication(ns, ROOT, parsePath('/f'), 5), { name: 'InvalidArgument' });
});

test('another replication reaches the blocks, and has them looked at', async (t) => {
  const { ns } = setUp(t);
  const file = await writeFile(ns, '/f', [1000, 5]);
  const db = ns.journal.committed;
  await ns.journal.mutate(({ db: writing }) => writing.exec('DELETE FROM redundancy_check'));
  t.true(await setReplication(ns, ROOT, file.path, 5));
  const rows = blocksOfInode(db, file.fileId, 0, 10);
  t.deepEqual(
    rows.map(({ replication }) => replication),
    [5, 5],
  );
  t.deepEqual(
    ns.journal.committed.prepare('SELECT block FROM redundancy_check').pluck().all(),
    rows.map(({ id }) => id),
  );
  t.false(await setReplication(ns, ROOT, parsePath('/'), 5));
});

test('times are set as given, and what is not given stays', async (t) => {
  const fixture = setUp(t);
  const { ns } = fixture;
  const file = await writeFile(ns, '/f', [1]);
  await setTimes(ns, ROOT, file.path, { modificationTimeMs: 5, accessTimeMs: undefined });
  await setTimes(ns, ROOT, file.path, { modificationTimeMs: undefined, accessTimeMs: 0 });
  const inode = inodeById(ns.journal.committed, file.fileId);
  t.deepEqual([inode?.mtime_ms, inode?.atime_ms], [5, 0]);
  await t.throwsAsync(setTimes(ns, callOf('bob'), file.path, { modificationTimeMs: 1, accessTimeMs: 1 }), {
    name: 'AccessControl',
  });
});

test('a read writes the access time down once it is off by more than the precision', async (t) => {
  const { ns, clock } = setUp(t);
  const file = await writeFile(ns, '/f', [1]);
  const atime = () => inodeById(ns.journal.committed, file.fileId)?.atime_ms;
  const read = async () => {
    await blockLocations(ns, ROOT, { path: file.path, offset: 0, length: 0, readerHost: '' });
    await ns.journal.mutate(() => undefined); // whatever the read has begun comes before this
  };
  const created = atime() ?? 0;
  await clock.advance(3_600_000);
  await read();
  t.is(atime(), created);
  await clock.advance(1);
  await read();
  t.is(atime(), created + 3_600_001);
});

test('the blocks of a range, with offsets, even when blocks are shorter than they could be', async (t) => {
  const { ns } = setUp(t);
  const file = await writeFile(ns, '/f', [1000, 10, 1000, 500]);
  const offsets = async (offset: number, length: number) => {
    const { blocks } = await blockLocations(ns, ROOT, { path: file.path, offset, length, readerHost: '' });
    return blocks.map((block) => block.offset);
  };
  t.deepEqual(await offsets(0, 0), [0, 1000, 1010, 2010]);
  t.deepEqual(await offsets(0, 1000), [0]);
  t.deepEqual(await offsets(999, 2), [0, 1000]);
  t.deepEqual(await offsets(1009, 1), [1000]);
  t.deepEqual(await offsets(1010, 1), [1010]);
  t.deepEqual(await offsets(2009, 1), [1010]);
  t.deepEqual(await offsets(2010, 0), [2010]);
  t.deepEqual(await offsets(2509, 0), [2010]);
  t.deepEqual(await offsets(2510, 0), []);
  t.deepEqual(await offsets(99_999, 1), []);
});

test('of a file that is being written, the last block is told apart', async (t) => {
  const { ns } = setUp(t);
  const file = await openFile(ns, '/f');
  const first = await nextBlock(ns, file);
  const second = await nextBlock(ns, file, withLength(first, 1000));
  const read = { path: file.path, offset: 0, length: 0, readerHost: '' };
  const { blocks, lastBlock, inode } = await blockLocations(ns, ROOT, read);
  t.deepEqual(
    blocks.map(({ block }) => block.blockId),
    [first.blockId],
  );
  t.is(lastBlock?.block.blockId, second.blockId);
  t.is(lastBlock?.offset, 1000);
  t.true(lastBlock?.underConstruction);
  t.is(inode.length, 1000);
  await t.throwsAsync(blockLocations(ns, callOf('bob'), { ...read, path: parsePath('/') }), { name: 'IsADirectory' });
  await setPermission(ns, ROOT, file.path, 0o600);
  await t.throwsAsync(blockLocations(ns, callOf('bob'), read), {
    name: 'AccessControl',
    message: /access=READ, inode="\/f"/,
  });
});

test('a summary needs to read every directory, and counts what is open as well', async (t) => {
  const fixture = setUp(t);
  const { ns } = fixture;
  await writeFile(ns, '/d/a', [1000, 1]);
  await writeFile(ns, '/d/e/b', [9]);
  await openFile(ns, '/d/open');
  t.deepEqual(await contentSummary(ns, ROOT, parsePath('/d')), {
    length: 1010,
    quota: undefined,
    fileCount: 3,
    directoryCount: 2,
    spaceConsumed: 3030,
  });
  t.is((await contentSummary(ns, ROOT, parsePath('/'))).directoryCount, 3);
  t.is((await contentSummary(ns, ROOT, parsePath('/d/a'))).directoryCount, 0);
  await setPermission(ns, ROOT, parsePath('/d/e'), 0o700);
  await t.throwsAsync(contentSummary(ns, callOf('bob'), parsePath('/d')), {
    name: 'AccessControl',
    message: /inode="\/d\/e"/,
  });
});

test('a summary of many files lets others have their turn, and ends when nobody wants it any more', async (t) => {
  const fixture = setUp(t);
  const { ns } = fixture;
  await ns.journal.mutate((tx) => {
    for (let i = 0; i < 1000; i++) {
      const id = tx.counters.nextInodeId;
      tx.log({
        op: 'mkdirs',
        timeMs: 1,
        directories: [{ id, parent: 1, name: `d${id}`, mode: 0o755, owner: 'u', group: 'g' }],
      });
    }
  });
  let turns = 0;
  const turn = (): void => {
    turns++;
    next = setImmediate(turn);
  };
  let next = setImmediate(turn);
  t.is((await contentSummary(ns, ROOT, parsePath('/'))).directoryCount, 1001);
  clearImmediate(next);
  t.true(turns >= 4);
  await t.throwsAsync(contentSummary(ns, ROOT, parsePath('/'), AbortSignal.abort(new Error('gone'))), {
    message: 'gone',
  });
});

test('deleting a tree needs full access to all directories in it that are not empty', async (t) => {
  const fixture = setUp(t);
  const { ns } = fixture;
  const alice = callOf('alice');
  await mkdir(fixture, '/home', 0o777);
  await mkdir(fixture, '/home/a/b/c', 0o755, alice);
  await setOwner(ns, ROOT, parsePath('/home/a/b'), { owner: 'bob', group: undefined });
  await t.throwsAsync(deletePath(ns, alice, parsePath('/home/a'), true), {
    name: 'AccessControl',
    message: /access=ALL, inode="\/home\/a\/b":bob:/,
  });
  await deletePath(ns, ROOT, parsePath('/home/a/b/c'), false);
  t.true(await deletePath(ns, alice, parsePath('/home/a'), true));
});

test('what does not exist, is not empty, or is the root, is not deleted', async (t) => {
  const fixture = setUp(t);
  const { ns } = fixture;
  await mkdir(fixture, '/d/e');
  t.false(await deletePath(ns, ROOT, parsePath('/none'), false));
  await t.throwsAsync(deletePath(ns, ROOT, parsePath('/d'), false), {
    name: 'PathIsNotEmptyDirectory',
    message: "`/d is non empty': Directory is not empty",
  });
  await t.throwsAsync(deletePath(ns, ROOT, parsePath('/'), true), { name: 'InvalidPath' });
});
