import test from 'ava';
import fc from 'fast-check';
import { DirectoryListing } from '../../../client/fuse/directory-listing.js';
import type { FileStatus } from '../../../client/types.js';

async function* statuses(names: readonly string[]): AsyncGenerator<FileStatus> {
  for (const name of names) yield { name } as FileStatus;
}

test('entries come from any offset on, page by page, and again when a program goes back', async (t) => {
  const read = fc.record({ offset: fc.nat(12), room: fc.nat(5) });
  await fc.assert(
    fc.asyncProperty(fc.nat(10), fc.array(read, { maxLength: 8 }), async (count, reads) => {
      const names = Array.from({ length: count }, (_, i) => `entry-${i}`);
      const listing = new DirectoryListing(() => statuses(names));
      for (const { offset, room } of reads) {
        const page: [string, number][] = [];
        await listing.from(offset, ({ name }, at) => page.length < room && page.push([name, at]) > 0);
        const expected = names.map((name, i) => [name, i]).slice(offset, offset + room);
        if (JSON.stringify(page) !== JSON.stringify(expected)) return false;
      }
      await listing.close();
      return true;
    }),
  );
  t.pass();
});

test('an entry for which there was no room is the first of the next page, and is listed once', async (t) => {
  let lists = 0;
  const listing = new DirectoryListing(() => {
    lists++;
    return statuses(['a', 'b', 'c']);
  });
  const pages: string[][] = [];
  for (const offset of [0, 2]) {
    const page: string[] = [];
    await listing.from(offset, ({ name }) => page.length < 2 && page.push(name) > 0);
    pages.push(page);
  }
  t.deepEqual(pages, [['a', 'b'], ['c']]);
  t.is(lists, 1);
});
