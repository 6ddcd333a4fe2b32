import test from 'ava';
import fc from 'fast-check';
import { UsageError } from '../../../client/cli/errors.js';
import { compileName, expandBraces, hasGlob, splitPattern, withoutEscapes } from '../../../client/cli/glob.js';

function matches(pattern: string, name: string): boolean {
  const compiled = compileName(pattern);
  return compiled.kind === 'literal' ? compiled.name === name : compiled.matches(name);
}

test('* matches any characters, none too, a dot at the start too', (t) => {
  t.true(matches('*', ''));
  t.true(matches('*', '.hidden'));
  t.true(matches('a*c', 'ac'));
  t.true(matches('a*c', 'abbbc'));
  t.false(matches('a*c', 'abd'));
});

test('? matches exactly one character, whatever its width', (t) => {
  t.true(matches('a?c', 'abc'));
  t.true(matches('?', '😀'));
  t.false(matches('?', ''));
  t.false(matches('?', 'ab'));
});

test('[ ] matches one of its members, a range, or none of them', (t) => {
  t.true(matches('[abc]', 'b'));
  t.true(matches('f[0-9]', 'f7'));
  t.false(matches('f[0-9]', 'fx'));
  t.true(matches('[^a-c]', 'd'));
  t.false(matches('[!a-c]', 'b'));
  t.true(matches('[]x]', ']'));
  t.true(matches('[a-]', '-'));
  t.true(matches('[\\]]', ']'));
  t.true(matches('[ä-ü]', 'ö'));
});

test('a backslash makes the next character stand for itself', (t) => {
  t.true(matches('a\\*b', 'a*b'));
  t.false(matches('a\\*b', 'axb'));
  t.true(matches('\\[1\\]*', '[1].txt'));
});

test('characters that mean something elsewhere mean nothing here', (t) => {
  for (const name of ['a.b', 'a+b', 'a(b)', 'a|b', 'a^b', 'a$b', 'a-b', 'a#b']) {
    t.true(matches(`${name}*`, name), name);
    t.false(matches(`${name}*`, 'aXb'), name);
  }
});

test('braces stand for their alternatives, nested ones and ones with slashes too', (t) => {
  t.deepEqual(expandBraces('/a'), ['/a']);
  t.deepEqual(expandBraces('/{a,b}/c'), ['/a/c', '/b/c']);
  t.deepEqual(expandBraces('/{a/b,c}'), ['/a/b', '/c']);
  t.deepEqual(expandBraces('{a,b{c,d}}x'), ['ax', 'bcx', 'bdx']);
  t.deepEqual(expandBraces('{a,}b'), ['ab', 'b']);
  t.deepEqual(expandBraces('{a,a}'), ['a']);
  t.deepEqual(expandBraces('\\{a,b\\}'), ['\\{a,b\\}']);
  t.deepEqual(expandBraces('[{]x'), ['[{]x']);
});

test('what is opened must be closed', (t) => {
  t.throws(() => expandBraces('/{a,b'), { instanceOf: UsageError, message: /a \{ is not closed/ });
  t.throws(() => compileName('[abc'), { instanceOf: UsageError, message: /a \[ is not closed/ });
  t.throws(() => compileName('[z-a]'), { instanceOf: UsageError, message: /runs backwards/ });
});

test('the number of alternatives is bounded', (t) => {
  t.throws(() => expandBraces('{a,b}'.repeat(20)), { instanceOf: UsageError, message: /more than 4096 alternatives/ });
});

test('slashes split a pattern, except in [ ] and behind a backslash', (t) => {
  t.deepEqual(splitPattern('a/b*//c/'), ['a', 'b*', 'c']);
  t.deepEqual(splitPattern('a[/]b/c'), ['a[/]b', 'c']);
});

test('every name matches itself when its special characters are escaped', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (name) => {
      const pattern = name.replace(/[*?[\]{}\\,^!-]/g, '\\$&');
      return expandBraces(pattern).length === 1 && matches(pattern, name) && withoutEscapes(pattern) === name;
    }),
  );
  t.pass();
});

test('a name without special characters is no pattern', (t) => {
  t.false(hasGlob('/a b/ü-1.txt'));
  for (const pattern of ['*', '?', '[a]', '{a,b}', 'a\\ b']) t.true(hasGlob(pattern), pattern);
});
