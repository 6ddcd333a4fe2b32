import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { newLayout } from '../../../client/cluster/layout.js';
import { readLayout, writeLayout } from '../../../client/cluster/state-file.js';
import { temporaryDirectory } from '../cli/temporary-directory.js';

test('what is written is read again', async (t) => {
  const directory = await temporaryDirectory(t);
  t.is(await readLayout(directory), undefined);
  const layout = newLayout({ basePort: 20_000, settings: { 'dfs.replication': '2' } });
  await writeLayout(directory, layout);
  t.like(await readLayout(directory), layout);
});

test('a file that is damaged, or of another version, is refused by its name', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'cluster.json');
  for (const text of ['', '{', 'null', '{"version": 2}', JSON.stringify({ version: 1, ...newLayout({}), racks: 0 })]) {
    writeFileSync(path, text);
    const error = await t.throwsAsync(readLayout(directory), { name: 'DamagedMetadata' }, text);
    t.true(error?.message.startsWith(`${path} cannot be read: `));
  }
});
