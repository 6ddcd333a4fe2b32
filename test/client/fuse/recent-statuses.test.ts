import test from 'ava';
import { RecentStatuses } from '../../../client/fuse/recent-statuses.js';
import type { FileStatus, FileType } from '../../../client/types.js';
import { FakeClock } from '../../support/fake-clock.js';

function status(fileId: number, modificationTimeMs: number, type: FileType = 'DIRECTORY'): FileStatus {
  return {
    path: `/${fileId}`,
    name: String(fileId),
    fileId,
    type,
    length: 0,
    replication: 0,
    blockSize: 0,
    mode: 0o755,
    owner: 'root',
    group: 'root',
    modificationTimeMs,
    accessTimeMs: 0,
    modificationTimeNs: 0,
    accessTimeNs: 0,
    children: 0,
    underConstruction: false,
    symlink: '',
  };
}

const seenAt = (recent: RecentStatuses, id: number) => recent.get(id, 1_000)?.status.modificationTimeMs;

test('what a change tells of its directories is known for a while', async (t) => {
  const clock = new FakeClock();
  const recent = new RecentStatuses(clock);
  const answer = await recent.change([1, 2], async (onDirectory) => {
    onDirectory(status(1, 10));
    onDirectory(status(2, 20));
    return 'answer';
  });
  t.is(answer, 'answer');
  t.deepEqual([seenAt(recent, 1), seenAt(recent, 2), seenAt(recent, 3)], [10, 20, undefined]);
  await clock.advance(400);
  t.is(recent.get(1, 1_000)?.ageMs, 400);
  t.is(recent.get(1, 400), undefined);
  await clock.advance(600);
  t.is(recent.get(1, 1_000), undefined);
});

test('from the beginning of the next change on nothing is known, nor when it fails', async (t) => {
  const recent = new RecentStatuses(new FakeClock());
  await recent.change([1], async (onDirectory) => onDirectory(status(1, 10)));
  const failing = recent.change([1], async () => {
    t.is(seenAt(recent, 1), undefined);
    throw new Error('refused');
  });
  await t.throwsAsync(failing, { message: 'refused' });
  t.is(seenAt(recent, 1), undefined);
});

test('of changes that cross each other nothing is kept, as nobody knows which one came last', async (t) => {
  const recent = new RecentStatuses(new FakeClock());
  let goOn = (): void => {};
  const first = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const slow = recent.change([1], async (onDirectory) => {
    onDirectory(status(1, 10));
    await first;
  });
  await recent.change([1], async (onDirectory) => onDirectory(status(1, 20)));
  t.is(seenAt(recent, 1), undefined);
  goOn();
  await slow;
  t.is(seenAt(recent, 1), undefined);
  await recent.change([1], async (onDirectory) => onDirectory(status(1, 30)));
  t.is(seenAt(recent, 1), 30);
});

test('files are not kept: they change otherwise, too', async (t) => {
  const recent = new RecentStatuses(new FakeClock());
  await recent.change([5], async (onDirectory) => onDirectory(status(5, 10, 'FILE')));
  t.is(seenAt(recent, 5), undefined);
});
