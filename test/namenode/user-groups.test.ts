import test from 'ava';
import { parseUserGroups } from '../../namenode/user-groups.js';

const passwd = 'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:100::/home/alice:/bin/sh\nbroken line\n';
const group = 'root:x:0:\nusers:x:100:\nstaff:x:50:alice,bob\nsupergroup:x:60:bob\n\n:bad\n';

test('a user is in the group of the passwd file and in those that list the user', (t) => {
  const groups = parseUserGroups({ passwd, group, overrides: '' });
  t.deepEqual(groups.get('root'), ['root']);
  t.deepEqual(groups.get('alice'), ['staff', 'users']);
  t.deepEqual(groups.get('bob'), ['staff', 'supergroup']);
  t.is(groups.get('nobody'), undefined);
});

test('overrides take the place of what the machine says', (t) => {
  const groups = parseUserGroups({ passwd, group, overrides: 'alice=x, y;bob=;carol=z;' });
  t.deepEqual(groups.get('alice'), ['x', 'y']);
  t.deepEqual(groups.get('bob'), []);
  t.deepEqual(groups.get('carol'), ['z']);
});

test('overrides of another form are refused by name', (t) => {
  for (const overrides of ['alice', '=x', 'alice=x=y']) {
    t.throws(() => parseUserGroups({ passwd, group, overrides }), {
      name: 'InvalidConfiguration',
      message: /hadoop\.user\.group\.static\.mapping\.overrides/,
    });
  }
});
