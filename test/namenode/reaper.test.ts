import test, { type ExecutionContext } from 'ava';
import { deletePath } from '../../namenode/operations/delete.js';
import { mkdirs } from '../../namenode/operations/mkdirs.js';
import { parsePath } from '../../namenode/paths.js';
import { nextSlice, Reaper } from '../../namenode/reaper.js';
import { openFile, writeFile } from './support/files.js';
import { type NamesystemFixture, openNamesystemFixture, ROOT } from './support/namesystem-fixture.js';

function setUp(t: ExecutionContext): NamesystemFixture {
  const fixture = openNamesystemFixture();
  t.teardown(() => fixture.close());
  return fixture;
}

const count = ({ ns }: NamesystemFixture, table: string) =>
  ns.journal.committed.prepare(`SELECT count(*) FROM ${table}`).pluck().get();

async function deepTree({ ns }: NamesystemFixture): Promise<void> {
  for (let i = 0; i < 5; i++) await writeFile(ns, `/t/a/b/c/f${i}`, [1000, 1000, 1000, i]);
  for (let i = 0; i < 20; i++) {
    await mkdirs(ns, ROOT, { path: parsePath(`/t/d${i}/e`), mode: 0o755, createParent: true, exclusive: false });
  }
  await openFile(ns, '/t/open');
  await writeFile(ns, '/keep/f', [5]);
}

test('what was deleted goes for good, with its blocks, and nothing else does', async (t) => {
  const fixture = setUp(t);
  const { ns } = fixture;
  await deepTree(fixture);
  await ns.journal.mutate(({ db }) => {
    db.exec('INSERT INTO replicas SELECT id, 1, generation_stamp, length, 1 FROM blocks');
  });
  await deletePath(ns, ROOT, parsePath('/t'), true);
  const reaper = new Reaper(ns);
  reaper.wake();
  await reaper.idle();
  t.deepEqual([count(fixture, 'inodes'), count(fixture, 'blocks')], [3, 1]);
  const { files, directories, blocks } = ns.journal.counters;
  t.deepEqual({ files, directories, blocks }, { files: 1, directories: 2, blocks: 1 });
  const states = ns.journal.committed.prepare('SELECT state, count(*) AS n FROM replicas GROUP BY state').all();
  t.deepEqual(states, [
    { state: 1, n: 1 },
    { state: 3, n: 20 },
  ]);
});

for (const maxRows of [1, 2, 3, 7, 1000]) {
  test(`slices of at most ${maxRows} rows take everything, files after their blocks, directories after their entries`, async (t) => {
    const fixture = setUp(t);
    const { ns } = fixture;
    await deepTree(fixture);
    await deletePath(ns, ROOT, parsePath('/t'), true);
    for (;;) {
      const slice = nextSlice(ns.journal.committed, maxRows);
      const size = slice.blocks.length + slice.inodes.length;
      t.true(size <= maxRows);
      if (size === 0) break;
      await ns.journal.mutate((tx) => tx.log({ op: 'reap', timeMs: 1, ...slice }));
      const orphans = `
        SELECT count(*) FROM inodes WHERE parent > 0 AND parent NOT IN (SELECT id FROM inodes)
        UNION ALL SELECT count(*) FROM blocks WHERE inode NOT IN (SELECT id FROM inodes)`;
      t.deepEqual(ns.journal.committed.prepare(orphans).pluck().all(), [0, 0]);
    }
    t.deepEqual([count(fixture, 'inodes'), count(fixture, 'blocks')], [3, 1]);
  });
}

test('in safe mode nothing is removed', async (t) => {
  const fixture = setUp(t);
  const { ns, blocks } = fixture;
  await writeFile(ns, '/f', [5]);
  await deletePath(ns, ROOT, parsePath('/f'), false);
  blocks.safe = { on: true, message: '' };
  const reaper = new Reaper(ns);
  reaper.wake();
  await reaper.idle();
  t.is(count(fixture, 'blocks'), 1);
  blocks.safe = { on: false, message: '' };
  reaper.wake();
  await reaper.idle();
  t.deepEqual([count(fixture, 'inodes'), count(fixture, 'blocks')], [1, 0]);
});

test('once stopped, it begins nothing any more', async (t) => {
  const fixture = setUp(t);
  const { ns } = fixture;
  await writeFile(ns, '/f', [5]);
  await deletePath(ns, ROOT, parsePath('/f'), false);
  const reaper = new Reaper(ns);
  await reaper.stop();
  reaper.wake();
  await reaper.idle();
  t.is(count(fixture, 'blocks'), 1);
});
