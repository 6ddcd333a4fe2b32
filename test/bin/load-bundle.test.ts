import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';

const LOADER = resolve('bin/load-bundle.js');

function bundleIn(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'dfs-bundle-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'dfs.cjs');
  writeFileSync(file, `exports.main = () => console.log(require('node:path').basename(__filename), __dirname);`);
  return file;
}

/** What the bundle prints when a process of its own loads it. */
function run(how: 'loadBundle' | 'loadBundleAndKeepCode', file: string): string {
  const source = `import { ${how} } from ${JSON.stringify(LOADER)}; ${how}(${JSON.stringify(file)}).main();`;
  return execFileSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' });
}

test('a bundle runs as a module of its own, and leaves its code only where that is asked for', (t) => {
  const file = bundleIn(t);
  const expected = `dfs.cjs ${join(file, '..')}\n`;
  t.is(run('loadBundle', file), expected);
  t.false(existsSync(`${file}.code`));
  t.is(run('loadBundleAndKeepCode', file), expected);
  t.true(existsSync(`${file}.code`));
  t.is(run('loadBundle', file), expected);
});

test('code that V8 does not take, or that belongs to another bundle, is not used', (t) => {
  const file = bundleIn(t);
  const expected = run('loadBundleAndKeepCode', file);
  writeFileSync(file, `exports.main = () => console.log('another, which is longer, so that V8 can see that');`);
  t.is(run('loadBundle', file), 'another, which is longer, so that V8 can see that\n');
  for (const code of ['', 'garbage']) {
    writeFileSync(`${file}.code`, code);
    t.not(run('loadBundle', file), expected);
  }
});
