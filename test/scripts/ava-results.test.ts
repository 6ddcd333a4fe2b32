import test from 'ava';
import { AvaResults } from '../../scripts/ava-results.js';

function count(output: string, exit: number | string): AvaResults {
  const results = new AvaResults();
  for (const line of output.split('\n')) results.read(line);
  results.end(exit);
  return results;
}

test('tests that passed, failed, were skipped or are to do are counted', (t) => {
  const results = count(
    `
  - [skip] is skipped
  - [todo] is to do
  ✔ passes
  ✔ passes - [skip] (1.2s)
    ℹ ✘ what a test logs
  ✘ [fail]: throws Error thrown in test
  ✔ [expected fail] known
  ─

  throws

  ✘ this is a line of the details

  ─

  1 test failed
  1 known failure
`,
    1,
  );
  t.is(results.summary(), '3 passed, 1 failed, 2 skipped');
  t.deepEqual(results.failures, ['[fail]: throws Error thrown in test']);
});

test('colors do not matter', (t) => {
  t.is(
    count('  \u001b[32m✔\u001b[39m passes\n  \u001b[31m✘\u001b[39m \u001b[31m[fail]:\u001b[39m x', 1).summary(),
    '1 passed, 1 failed',
  );
});

test('a process that died is a failure', (t) => {
  const output = '  ✔ passes\n  ✘ test/x.test.ts exited due to SIGKILL\n  ─\n\n  1 test passed\n';
  t.is(count(output, 1).summary(), '1 passed, 1 failed');
});

test('an exit code other than 0 is a failure even if all tests passed', (t) => {
  t.deepEqual(count('  ✔ passes\n', 1).failures, ['AVA ended with 1, although no test failed']);
  t.deepEqual(count('  ✔ passes\n', 'SIGKILL').failures, ['AVA ended with SIGKILL, although no test failed']);
  t.deepEqual(count('  ✔ passes\n', 0).failures, []);
});

test('no test at all is a failure', (t) => {
  t.deepEqual(count('', 0).failures, ['no test was run']);
  t.is(count('  - [skip] x\n', 0).summary(), '0 passed, 1 failed, 1 skipped');
});

test('a count other than AVA’s own is a failure', (t) => {
  t.is(count('  ✔ a\n  ─\n\n  1 test passed\n', 0).failed, 0);
  t.is(count('  ✔ a\n  ─\n\n  2 tests passed\n', 0).failed, 1);
});
