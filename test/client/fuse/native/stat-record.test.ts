import test from 'ava';
import { entryRecord, fromParts, statfsRecord, statRecord } from '../../../../client/fuse/native/stat-record.js';

test('sizes and times take two numbers each, the lower half first', (t) => {
  const time = (ms: number) => ({ ms, ns: 999_999 });
  const words = statRecord({
    inode: 16_400,
    size: 5 * 2 ** 32 + 7,
    mode: 0o100644,
    links: 1,
    uid: 1000,
    gid: 100,
    atime: time(2 ** 32 + 1),
    mtime: time(2),
    ctime: time(-5),
    ageMs: 0,
  });
  t.deepEqual([...words.subarray(0, 5)], [0o100644, 1000, 100, 7, 5]);
  t.is(words[7], 16_400);
  t.deepEqual([...words.subarray(12, 18)], [1, 1, 2, 0, 0, 0]);
  t.is(fromParts(words[3] ?? 0, words[4] ?? 0), 5 * 2 ** 32 + 7);
});

test('an entry of a listing has its inode and its type', (t) => {
  const words = entryRecord(17, 0o040000);
  t.deepEqual([words[0], words[7]], [0o040000, 17]);
});

test('a cluster that is too large for 32 bits has larger blocks, and no less space', (t) => {
  const blocks = 5 * 2 ** 32;
  const words = statfsRecord({
    blockBytes: 4096,
    blocks,
    free: blocks / 5,
    available: blocks / 5,
    files: 2 ** 40,
    freeFiles: 2 ** 31,
    nameBytesMax: 255,
  });
  t.is((words[1] ?? 0) * (words[2] ?? 0), blocks * 4096);
  t.is((words[1] ?? 0) * (words[3] ?? 0), (blocks / 5) * 4096);
  t.deepEqual([words[5], words[10]], [2 ** 32 - 1, 255]);
});
