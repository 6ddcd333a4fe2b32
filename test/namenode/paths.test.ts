import test from 'ava';
import fc from 'fast-check';
import { checkNewNames, childPath, isInside, parsePath, prefixOf } from '../../namenode/paths.js';

test('a path is taken apart into its components', (t) => {
  t.deepEqual(parsePath('/').components, []);
  t.deepEqual(parsePath('/a/b c/ü:x').components, ['a', 'b c', 'ü:x']);
});

test('what is no absolute, clean path is refused', (t) => {
  for (const text of ['', 'a', 'a/b', '//', '/a//b', '/a/', '/.', '/a/../b', '/a/./b', '/a\0b', '/\ud800']) {
    t.throws(() => parsePath(text), { name: 'InvalidPath' }, JSON.stringify(text));
  }
});

test('a path has at most 8000 characters and 1000 levels', (t) => {
  t.is(parsePath(`/${'a'.repeat(7999)}`).components.length, 1);
  t.throws(() => parsePath(`/${'a'.repeat(8000)}`), { name: 'PathTooLong', message: /8001 characters/ });
  t.is(parsePath('/a'.repeat(1000)).components.length, 1000);
  t.throws(() => parsePath('/a'.repeat(1001)), { name: 'PathTooLong', message: /1001 levels/ });
});

test('new names are at most so many bytes long, however many characters that is', (t) => {
  t.notThrows(() => checkNewNames(parsePath(`/${'a'.repeat(255)}`), 0, 255));
  t.notThrows(() => checkNewNames(parsePath(`/${'ü'.repeat(127)}`), 0, 255));
  t.throws(() => checkNewNames(parsePath(`/d/${'ü'.repeat(128)}`), 0, 255), {
    name: 'PathTooLong',
    message: /in directory \/d is exceeded: limit=255 length=256/,
  });
  t.throws(() => checkNewNames(parsePath(`/${'😀'.repeat(64)}`), 0, 255), { name: 'PathTooLong' });
});

test('only the components that are made are checked, and reserved names are refused', (t) => {
  const path = parsePath(`/${'a'.repeat(300)}/b`);
  t.notThrows(() => checkNewNames(path, 1, 255));
  t.throws(() => checkNewNames(parsePath('/a/.snapshot'), 0, 255), { name: 'InvalidPath', message: /reserved/ });
  t.throws(() => checkNewNames(parsePath('/.reserved/x'), 0, 255), { name: 'InvalidPath', message: /reserved/ });
  t.notThrows(() => checkNewNames(parsePath('/a/.reserved'), 0, 255));
});

test('prefixes, children and ancestry', (t) => {
  const path = parsePath('/a/b/c');
  t.deepEqual(
    [0, 1, 2, 3].map((depth) => prefixOf(path, depth)),
    ['/', '/a', '/a/b', '/a/b/c'],
  );
  t.is(childPath(parsePath('/'), 'x').text, '/x');
  t.is(childPath(path, 'x').text, '/a/b/c/x');
  t.true(isInside(path, parsePath('/a')));
  t.true(isInside(path, parsePath('/')));
  t.false(isInside(path, path));
  t.false(isInside(parsePath('/ab'), parsePath('/a')));
});

test('whatever is accepted comes back from its components', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('/', 'a', '.', 'ü', '\0'), maxLength: 10 }), (rest) => {
      const text = `/${rest}`;
      let components: readonly string[];
      try {
        components = parsePath(text).components;
      } catch {
        return;
      }
      t.is(`/${components.join('/')}`, text);
      t.true(components.every((name) => name !== '' && name !== '.' && name !== '..' && !name.includes('\0')));
    }),
  );
});
