import { readFileSync } from 'node:fs';
import test from 'ava';
import { overview, verbHelp } from '../../../client/cli/help.js';
import { allVerbs, VERB_NAMES } from '../../../client/cli/verbs.js';
import { fakeFileSystem, runCli } from './run-cli.js';

const reference = readFileSync(new URL('../../../docs/CLI.md', import.meta.url), 'utf8');
const NAMES = allVerbs().map(({ name }) => name);

test('docs/CLI.md has the list of commands', (t) => {
  t.true(reference.includes(`\`\`\`text\n${overview()}\`\`\`\n`));
});

for (const name of NAMES) {
  test(`docs/CLI.md has the help of ${name}`, async (t) => {
    const [, text] = new RegExp(`^### ${name}\n\n\`\`\`text\n(.*?)\`\`\`\n`, 'ms').exec(reference) ?? [];
    t.is(text, await verbHelp(name));
  });
}

test('docs/CLI.md has no commands that do not exist', (t) => {
  const documented = [...reference.matchAll(/^### (.*)$/gm)].map(([, name]) => name);
  t.deepEqual(documented, NAMES);
});

test('every command has a summary in the list', (t) => {
  for (const name of NAMES) t.true(overview().includes(`\n  ${name.padEnd(24)}`), name);
});

test('dfs, dfs help, dfs -help, dfs --help → the list', async (t) => {
  for (const args of [[], ['help'], ['-help'], ['--help'], ['-h']]) {
    const { code, stdout } = await runCli(fakeFileSystem(), args);
    t.is(code, 0);
    t.is(stdout, overview());
  }
});

test('dfs help <command> → that command; dashes and old names too', async (t) => {
  for (const args of [['ls'], ['-ls'], ['lsr']])
    t.is((await runCli(fakeFileSystem(), ['help', ...args])).stdout, await verbHelp('ls'));
  const both = (await runCli(fakeFileSystem(), ['help', 'mv', 'cp'])).stdout;
  t.is(both, `${await verbHelp('mv')}\n${await verbHelp('cp')}`);
  t.is((await runCli(fakeFileSystem(), ['help', 'cluster', 'start'])).stdout, await verbHelp('cluster start'));
  t.is(
    (await runCli(fakeFileSystem(), ['cluster'])).stdout,
    (await runCli(fakeFileSystem(), ['help', 'cluster'])).stdout,
  );
});

test('dfs <command> --help → the same, without connecting', async (t) => {
  const { code, stdout, namenodes } = await runCli(fakeFileSystem(), ['mv', '--help']);
  t.is(code, 0);
  t.is(stdout, await verbHelp('mv'));
  t.deepEqual(namenodes, []);
});

test('dfs help of what does not exist → the nearest', async (t) => {
  const { code, stderr } = await runCli(fakeFileSystem(), ['help', 'mkdri']);
  t.is(code, 255);
  t.regex(stderr, /^help: there is no command mkdri\. Did you mean mkdir\?/);
});

test('every name that is listed leads to a command', async (t) => {
  for (const name of VERB_NAMES) t.is((await runCli(fakeFileSystem(), ['help', name])).code, 0, name);
});

test('version', async (t) => {
  t.regex((await runCli(fakeFileSystem(), ['version'])).stdout, /^Mini-HDFS \d+\.\d+\.\d+\n$/);
});
