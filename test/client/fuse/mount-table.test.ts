import test from 'ava';
import { parseMountTable } from '../../../client/fuse/mount-table.js';

test('the table of mounts is taken apart, escaped blanks and optional fields included', (t) => {
  const text = [
    '22 1 254:0 / / rw,relatime - ext4 /dev/vda rw',
    '57 22 0:51 / /mnt/with\\040blank rw,nosuid,nodev shared:7 master:2 - fuse.dfs 127.0.0.1:8020 rw,user_id=0',
    '',
  ].join('\n');
  t.deepEqual(parseMountTable(text), [
    { mountPoint: '/', type: 'ext4', source: '/dev/vda', device: '254:0' },
    { mountPoint: '/mnt/with blank', type: 'fuse.dfs', source: '127.0.0.1:8020', device: '0:51' },
  ]);
});
