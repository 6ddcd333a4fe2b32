import test from 'ava';
import fc from 'fast-check';
import { UsageError } from '../../../client/cli/errors.js';
import { parseModeChange } from '../../../client/cli/mode.js';

const changed = (text: string, mode: number, isDirectory = false): string =>
  parseModeChange(text)(mode, isDirectory).toString(8);

test('an octal mode replaces all bits', (t) => {
  t.is(changed('755', 0o1640), '755');
  t.is(changed('1777', 0o000), '1777');
  t.is(changed('0644', 0o777), '644');
});

test('symbolic modes add, remove and set bits per class', (t) => {
  t.is(changed('u+x', 0o644), '744');
  t.is(changed('go-rw', 0o666), '600');
  t.is(changed('o=r', 0o777), '774');
  t.is(changed('u=rwx,g=rx,o=', 0o000), '750');
  t.is(changed('a-w', 0o777), '555');
});

test('without a class a mode is for all, and no umask counts', (t) => {
  t.is(changed('+x', 0o644), '755');
  t.is(changed('-w', 0o666), '444');
  t.is(changed('=r', 0o777), '444');
});

test('several actions may follow one class', (t) => {
  t.is(changed('u-w+x', 0o644), '544');
});

test('X gives execute to directories, and to files that have it somewhere', (t) => {
  t.is(changed('a+X', 0o644), '644');
  t.is(changed('a+X', 0o644, true), '755');
  t.is(changed('a+X', 0o744), '755');
});

test('t is the sticky bit, for others and for all', (t) => {
  t.is(changed('+t', 0o755), '1755');
  t.is(changed('o+t', 0o755), '1755');
  t.is(changed('u+t', 0o755), '755');
  t.is(changed('-t', 0o1755), '755');
  t.is(changed('o=rx', 0o1755), '755');
});

test("what is no mode is refused in HDFS's words", (t) => {
  for (const text of ['', '9', '75', '77777', '888', 'u', 'z+x', 'u+z', 'u+x,', '+s', '2755']) {
    const error = t.throws(() => parseModeChange(text), { instanceOf: UsageError }, text);
    t.is(error?.message, `mode '${text}' does not match the expected pattern.`);
  }
});

test('adding and then removing the same bits of a class leaves none of them, and touches no other class', (t) => {
  const modes = fc.integer({ min: 0, max: 0o1777 });
  const letters = fc.subarray(['r', 'w', 'x'] as const, { minLength: 1 });
  fc.assert(
    fc.property(modes, fc.constantFrom('u', 'g', 'o'), letters, (mode, who, what) => {
      const mask = { u: 0o700, g: 0o070, o: 0o007 }[who];
      const result = parseModeChange(`${who}+${what.join('')},${who}-${what.join('')}`)(mode, false);
      const bits = what.reduce((sum, letter) => sum | { r: 0o444, w: 0o222, x: 0o111 }[letter], 0) & mask;
      return (result & ~mask) === (mode & ~mask) && (result & bits) === 0;
    }),
  );
  t.pass();
});
