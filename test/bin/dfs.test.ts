import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';

/** A project with the launcher and nothing else. */
function emptyProject(t: ExecutionContext): string {
  const root = mkdtempSync(join(tmpdir(), 'dfs-launcher-'));
  t.teardown(() => rmSync(root, { recursive: true }));
  cpSync('bin', join(root, 'bin'), { recursive: true });
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  return root;
}

function addEntry(root: string, name: string, file: string): void {
  const path = join(root, 'dist', file);
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  mkdirSync(dirname(path), { recursive: true });
  const exported = file.endsWith('.cjs') ? 'exports.main = ' : 'export const main = ';
  writeFileSync(path, `${exported}async (argv) => console.log('${name}', JSON.stringify(argv));`);
}

function dfs(root: string, ...args: string[]): string {
  return execFileSync(process.execPath, [join(root, 'bin/dfs.js'), ...args], { encoding: 'utf8' });
}

test('before the first build it says what to do', (t) => {
  const { status, stderr } = spawnSync(process.execPath, [join(emptyProject(t), 'bin/dfs.js'), 'ls', '/'], {
    encoding: 'utf8',
  });
  t.is(status, 1);
  t.regex(stderr, /^dfs: not built yet\. Run `npm start`.*\n$/);
});

test('servers get the arguments after their name; all other verbs go to the command line client as they are', (t) => {
  const root = emptyProject(t);
  addEntry(root, 'namenode', 'namenode/main.js');
  addEntry(root, 'datanode', 'datanode/main.js');
  addEntry(root, 'client', 'bundle/dfs.cjs');
  t.is(dfs(root, 'namenode', '--format'), 'namenode ["--format"]\n');
  t.is(dfs(root, 'datanode', '-D', 'a=b'), 'datanode ["-D","a=b"]\n');
  t.is(dfs(root, 'ls', '/a b'), 'client ["ls","/a b"]\n');
  t.is(dfs(root), 'client []\n');
});
