import test from 'ava';
import { DfsError } from '../../../common/errors.js';
import type { Transaction } from '../../../namenode/journal.js';
import { directoryCache } from '../../../namenode/storage/directory-cache.js';
import { FakeClock } from '../../support/fake-clock.js';
import { type JournalFixture, openJournalFixture } from '../support/journal-fixture.js';

function makeDirectory(name: string): (tx: Transaction) => number {
  return (tx) => {
    const id = tx.counters.nextInodeId;
    const directory = { id, parent: 1, name, mode: 0o755, owner: 'root', group: 'g' };
    tx.log({ op: 'mkdirs', timeMs: 5, directories: [directory] });
    return id;
  };
}

function namesIn(fixture: JournalFixture): string[] {
  const rows = fixture.journal.committed.prepare('SELECT name FROM inodes WHERE parent = 1 ORDER BY name').all();
  return (rows as { name: string }[]).map(({ name }) => name);
}

/** Holds every append until `open` is called. */
function gate(fixture: JournalFixture): { reached: Promise<void>; open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  let reach = (): void => {};
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  fixture.log.beforeSync = () => {
    reach();
    return opened;
  };
  return { reached, open };
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  await new Promise((resolve) => setImmediate(resolve));
  const first = await Promise.race([promise.catch(() => undefined), Promise.resolve(pending)]);
  return first !== pending;
}

test('nothing is answered, and nobody sees it, before the log has synced the batch', async (t) => {
  const fixture = openJournalFixture();
  const { reached, open } = gate(fixture);
  const made = fixture.journal.mutate(makeDirectory('a'));
  await reached;
  t.false(await isSettled(made));
  t.deepEqual(namesIn(fixture), []);
  t.is(fixture.journal.lastTxid, 0);
  open();
  t.is(await made, 16385);
  t.deepEqual(namesIn(fixture), ['a']);
  t.is(fixture.journal.lastTxid, 1);
  t.is(fixture.log.lastTxid, 1);
  await fixture.close();
});

test('a refusal waits for the sync as well: it may rest on what is not durable yet', async (t) => {
  const fixture = openJournalFixture();
  const { reached, open } = gate(fixture);
  const made = fixture.journal.mutate(makeDirectory('a'));
  const refused = fixture.journal.mutate((tx) => {
    const row = tx.db.prepare("SELECT id FROM inodes WHERE name = 'a'").get();
    throw new DfsError('FileAlreadyExists', `there is ${JSON.stringify(row)}`);
  });
  await reached;
  t.false(await isSettled(refused));
  open();
  await made;
  await t.throwsAsync(refused, { name: 'FileAlreadyExists', message: 'there is {"id":16385}' });
  await fixture.close();
});

test('callers that wait share one batch, and operations of a batch see each other', async (t) => {
  const fixture = openJournalFixture({ clock: new FakeClock() }); // a batch that takes long is not filled up
  const ids = await Promise.all(['a', 'b', 'c'].map((name) => fixture.journal.mutate(makeDirectory(name))));
  t.deepEqual(ids, [16385, 16386, 16387]);
  t.is(fixture.log.batches.length, 1);
  await fixture.close();
});

test('a batch that cannot be logged leaves no trace, and the journal goes on', async (t) => {
  const fixture = openJournalFixture();
  await fixture.journal.mutate(makeDirectory('a'));
  fixture.log.failure = new DfsError('NoSpace', 'the disk is full');
  const failed = [fixture.journal.mutate(makeDirectory('b')), fixture.journal.mutate(makeDirectory('c'))];
  for (const promise of failed) await t.throwsAsync(promise, { name: 'NoSpace' });
  t.deepEqual(namesIn(fixture), ['a']);
  t.is(fixture.journal.counters.nextInodeId, 16386);
  fixture.log.failure = undefined;
  t.is(await fixture.journal.mutate(makeDirectory('d')), 16386);
  t.deepEqual(namesIn(fixture), ['a', 'd']);
  t.is(fixture.log.lastTxid, 2);
  t.deepEqual(fixture.fatal, []);
  await fixture.close();
});

test('a log in an unknown state ends the journal, and nothing is answered any more', async (t) => {
  const fixture = openJournalFixture();
  fixture.log.failure = new DfsError('DamagedMetadata', 'the end of the log is unknown');
  await t.throwsAsync(fixture.journal.mutate(makeDirectory('a')), { name: 'DamagedMetadata' });
  t.deepEqual(
    fixture.fatal.map(({ name }) => name),
    ['DamagedMetadata'],
  );
  fixture.log.failure = undefined;
  await t.throwsAsync(fixture.journal.mutate(makeDirectory('b')), { name: 'DamagedMetadata' });
  t.deepEqual(namesIn(fixture), []);
  await fixture.close();
});

test('a database that fails after the log has the batch ends the journal: a restart will find the batch in the log', async (t) => {
  const fixture = openJournalFixture();
  fixture.log.beforeSync = async () => {
    fixture.connections.writing.exec('ROLLBACK'); // what SQLite does by itself after some errors
  };
  await t.throwsAsync(fixture.journal.mutate(makeDirectory('a')), { name: 'RetryLater' });
  t.is(fixture.fatal.length, 1);
  t.is(fixture.log.lastTxid, 1);
  t.deepEqual(namesIn(fixture), []);
  await fixture.close();
});

test('an operation that fails half-way is taken out, and the others of its batch succeed', async (t) => {
  const fixture = openJournalFixture();
  const { journal } = fixture;
  const before = journal.mutate(makeDirectory('before'));
  const broken = journal.mutate((tx) => {
    makeDirectory('broken')(tx);
    throw new Error('a defect');
  });
  const derived = journal.mutate((tx) => {
    tx.db.exec('INSERT INTO redundancy_check (block) VALUES (7)');
    throw new Error('another defect');
  });
  const after = journal.mutate(makeDirectory('after'));
  await t.throwsAsync(broken, { name: 'Internal', message: 'a defect' });
  await t.throwsAsync(derived, { name: 'Internal', message: 'another defect' });
  t.deepEqual([await before, await after], [16385, 16386]);
  t.deepEqual(namesIn(fixture), ['after', 'before']);
  t.deepEqual(journal.committed.prepare('SELECT * FROM redundancy_check').all(), []);
  await fixture.close();
});

test('a transaction cannot be used after its operation has returned', async (t) => {
  const fixture = openJournalFixture();
  let kept: Transaction | undefined;
  await fixture.journal.mutate((tx) => {
    kept = tx;
  });
  t.throws(() => makeDirectory('late')(kept as Transaction), { message: /after its operation had returned/ });
  await fixture.close();
});

test('changes of derived tables alone write nothing to the log', async (t) => {
  const fixture = openJournalFixture();
  await fixture.journal.mutate(({ db }) => db.exec('INSERT INTO redundancy_check (block) VALUES (7)'));
  t.is(fixture.log.batches.length, 0);
  t.is(fixture.journal.committed.prepare('SELECT * FROM redundancy_check').all().length, 1);
  await fixture.close();
});

test('the last transaction stands in the database with the changes it made', async (t) => {
  const fixture = openJournalFixture();
  const { journal, connections } = fixture;
  await journal.mutate(makeDirectory('a'));
  await journal.mutate(makeDirectory('b'));
  const stored = connections.reading.prepare("SELECT value FROM meta WHERE key = 'applied_txid'").get();
  t.deepEqual(stored, { value: 2 });
  const { reached, open } = gate(fixture);
  const third = journal.mutate(makeDirectory('c'));
  await reached;
  t.deepEqual(journal.committed.prepare("SELECT value FROM meta WHERE key = 'applied_txid'").get(), { value: 2 });
  open();
  await third;
  t.deepEqual(journal.committed.prepare("SELECT value FROM meta WHERE key = 'applied_txid'").get(), { value: 3 });
  await fixture.close();
});

test('while the journal is paused nothing changes, reads go on, and what waited runs afterwards', async (t) => {
  const fixture = openJournalFixture();
  let waiting: Promise<number> | undefined;
  await fixture.journal.whilePaused(async () => {
    waiting = fixture.journal.mutate(makeDirectory('a'));
    t.false(await isSettled(waiting));
    t.deepEqual(namesIn(fixture), []);
    t.false(fixture.connections.reading.inTransaction);
  });
  t.is(await waiting, 16385);
  await fixture.close();
});

test('closing finishes what was accepted and refuses the rest', async (t) => {
  const fixture = openJournalFixture();
  const accepted = fixture.journal.mutate(makeDirectory('a'));
  const closed = fixture.journal.close();
  await t.throwsAsync(fixture.journal.mutate(makeDirectory('b')), { name: 'RetryLater' });
  await closed;
  t.is(await accepted, 16385);
  await fixture.close();
});

test('cached directories: the batch sees its own changes at once, readers only when it is committed', async (t) => {
  const fixture = openJournalFixture();
  const { journal } = fixture;
  const id = await journal.mutate(makeDirectory('a'));
  const lookUp = (name: string) => directoryCache(journal.committed).lookUp(1, name)?.id;
  t.is(lookUp('a'), id);
  const { reached, open } = gate(fixture);
  const renamed = journal.mutate((tx) => {
    const cache = directoryCache(tx.db);
    t.is(cache.lookUp(1, 'a')?.id, id);
    tx.log({ op: 'rename', timeMs: 6, id, toParent: 1, toName: 'b' });
    return [cache.lookUp(1, 'a')?.id, cache.lookUp(1, 'b')?.id];
  });
  await reached;
  t.deepEqual([lookUp('a'), lookUp('b')], [id, undefined]);
  open();
  t.deepEqual(await renamed, [undefined, id]);
  t.deepEqual([lookUp('a'), lookUp('b')], [undefined, id]);
  await fixture.close();
});

test('cached directories: what a failed batch put into the cache is gone with it', async (t) => {
  const fixture = openJournalFixture();
  const { journal, connections } = fixture;
  fixture.log.failure = new DfsError('NoSpace', 'the disk is full');
  await t.throwsAsync(
    journal.mutate((tx) => {
      const id = makeDirectory('a')(tx);
      t.is(directoryCache(tx.db).lookUp(1, 'a')?.id, id);
    }),
  );
  t.is(directoryCache(connections.writing).lookUp(1, 'a'), undefined);
  await fixture.close();
});
