import test from 'ava';
import fc from 'fast-check';
import { parseReplicaFileName } from '../../../common/replica-file-name.js';
import { parseSubdirectory, subdirectoryIndex, VolumeLayout } from '../../../datanode/disk/layout.js';

const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

test('a replica lies where HDFS puts it', (t) => {
  const layout = new VolumeLayout('/d');
  // 1073741825 = 2^30 + 1; 0x12345678: (>> 16) & 31 = 0x14, (>> 8) & 31 = 0x16.
  t.is(layout.dataFile('finalized', 1073741825), '/d/current/finalized/subdir0/subdir0/blk_1073741825');
  t.is(
    layout.metaFile('finalized', 0x12345678, 1001),
    '/d/current/finalized/subdir20/subdir22/blk_305419896_1001.meta',
  );
  t.is(layout.dataFile('rbw', 7), '/d/current/rbw/blk_7');
  t.is(layout.metaFile('tmp', 7, 1001), '/d/tmp/blk_7_1001.meta');
});

test('names of files and directories are understood as they are made', (t) => {
  const layout = new VolumeLayout('/d');
  fc.assert(
    fc.property(id, id, (blockId, generationStamp) => {
      const [x = '', y = '', data = ''] = layout.dataFile('finalized', blockId).split('/').slice(-3);
      const meta = layout.metaFile('rbw', blockId, generationStamp).split('/').at(-1) ?? '';
      t.deepEqual(parseReplicaFileName(data), { kind: 'data', blockId });
      t.deepEqual(parseReplicaFileName(meta), { kind: 'meta', blockId, generationStamp });
      t.is(parseSubdirectory(x, y), subdirectoryIndex(blockId));
    }),
  );
});

for (const name of [
  'blk_',
  'blk_0',
  'blk_-1',
  'blk_1_2',
  'blk_1_2.meta.tmp',
  'blk_1_0.meta',
  'blk_99999999999999999',
  'xblk_1',
  'VERSION',
]) {
  test(`${name} is no file of a replica`, (t) => {
    t.is(parseReplicaFileName(name), undefined);
  });
}

test('directories that are not ours are not taken for ours', (t) => {
  for (const name of ['subdir32', 'subdir', 'subdir-1', 'subdir1x', 'lost+found', 'subdir100']) {
    t.is(parseSubdirectory(name, 'subdir0'), undefined);
    t.is(parseSubdirectory('subdir0', name), undefined);
  }
});
