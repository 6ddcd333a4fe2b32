import test from 'ava';
import {
  Access,
  type Caller,
  mayAccess,
  requireAccess,
  requireNotSticky,
  requireOwner,
  requireSuperuser,
} from '../../namenode/permissions.js';
import { InodeType } from '../../namenode/storage/schema.js';

const ALICE: Caller = { user: 'alice', groups: ['users', 'staff'], superuser: false };
const ROOT: Caller = { user: 'root', groups: [], superuser: true };

const directory = (mode: number, owner = 'owner', grp = 'group') => ({ type: InodeType.DIRECTORY, mode, owner, grp });

test('the bits of the owner, the group or the others count, and only those', (t) => {
  t.true(mayAccess(ALICE, directory(0o700, 'alice'), Access.ALL));
  t.false(mayAccess(ALICE, directory(0o077, 'alice', 'users'), Access.READ));
  t.true(mayAccess(ALICE, directory(0o050, 'bob', 'staff'), Access.READ_EXECUTE));
  t.false(mayAccess(ALICE, directory(0o705, 'bob', 'users'), Access.READ));
  t.true(mayAccess(ALICE, directory(0o002, 'bob', 'wheel'), Access.WRITE));
  t.false(mayAccess(ALICE, directory(0o775, 'bob', 'wheel'), Access.WRITE));
});

test('the superuser may do everything', (t) => {
  t.true(mayAccess(ROOT, directory(0), Access.ALL));
  t.notThrows(() => requireOwner(ROOT, directory(0), () => '/d'));
  t.notThrows(() => requireNotSticky(ROOT, directory(0o1777), directory(0), () => '/d/f'));
  t.notThrows(() => requireSuperuser(ROOT));
  t.throws(() => requireSuperuser(ALICE), { name: 'AccessControl', message: /Superuser privilege is required/ });
});

test('the message is the one HDFS has', (t) => {
  t.throws(() => requireAccess(ALICE, directory(0o755), Access.WRITE, () => '/d'), {
    name: 'AccessControl',
    message: 'Permission denied: user=alice, access=WRITE, inode="/d":owner:group:drwxr-xr-x',
  });
  const file = { ...directory(0o640), type: InodeType.FILE };
  t.throws(() => requireAccess(ALICE, file, Access.READ, () => '/d/f'), {
    message: 'Permission denied: user=alice, access=READ, inode="/d/f":owner:group:-rw-r-----',
  });
  t.throws(() => requireAccess(ALICE, directory(0o1770), Access.READ_EXECUTE, () => '/t'), {
    message: 'Permission denied: user=alice, access=READ_EXECUTE, inode="/t":owner:group:drwxrwx--T',
  });
});

test('in a sticky directory only the owners of entry and directory may remove an entry', (t) => {
  const tmp = directory(0o1777, 'root');
  const path = () => '/tmp/f';
  t.notThrows(() => requireNotSticky(ALICE, tmp, directory(0, 'alice'), path));
  t.notThrows(() => requireNotSticky(ALICE, directory(0o1777, 'alice'), directory(0, 'bob'), path));
  t.notThrows(() => requireNotSticky(ALICE, directory(0o777, 'root'), directory(0, 'bob'), path));
  t.throws(() => requireNotSticky(ALICE, tmp, directory(0o755, 'bob'), path), {
    name: 'AccessControl',
    message:
      /^Permission denied by sticky bit: user=alice, path="\/tmp\/f":bob:group:drwxr-xr-x, parent:root:group:drwxrwxrwt$/,
  });
});

test('only the owner changes the mode', (t) => {
  t.notThrows(() => requireOwner(ALICE, directory(0, 'alice'), () => '/d'));
  t.throws(() => requireOwner(ALICE, directory(0o777), () => '/d'), {
    name: 'NotOwner',
    message: 'Permission denied. user=alice is not the owner of inode=/d',
  });
});
