import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import test from 'ava';

/** The rules that Biome finds broken, as `file: rule`, in a project with these files. */
function brokenRules(files: Readonly<Record<string, string>>): string[] {
  const root = mkdtempSync(join(tmpdir(), 'lint-rules-'));
  try {
    copyFileSync('biome.json', join(root, 'biome.json'));
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    }
    const biome = [resolve('node_modules/@biomejs/biome/bin/biome'), 'lint', '--reporter=github'];
    const { stdout } = spawnSync(process.execPath, biome, { cwd: root, encoding: 'utf8' });
    const found = [...stdout.matchAll(/title=lint\/\w+\/(\w+),file=([^,]+),/g)];
    return found.map(([, rule, file = '']) => `${relative(root, file)}: ${rule}`).sort();
  } finally {
    rmSync(root, { recursive: true });
  }
}

test('imports point from namenode, datanode and client to common, never back or across', (t) => {
  const forbidden: readonly (readonly [from: string, to: string])[] = [
    ['client/a.ts', '../datanode/replica.js'],
    ['client/b.ts', '../test/support/x.js'],
    ['client/cli/verbs/a.ts', '../../../namenode/blocks.js'],
    ['common/a.ts', '../namenode/blocks.js'],
    ['common/rpc/a.ts', '../../client/index.js'],
    ['datanode/a.ts', '../namenode/blocks.js'],
    ['datanode/disk/a.ts', '../../client/index.js'],
    ['namenode/a.ts', '../datanode/replica.js'],
    ['namenode/rpc/a.ts', '../../client/index.js'],
  ];
  const allowed: readonly (readonly [from: string, to: string])[] = [
    ['client/cli/z.ts', '../file-system.js'],
    ['datanode/tcp/z.ts', '../../common/block.js'],
    ['namenode/rpc/z.ts', '../../common/block.js'],
    ['test/namenode/z.ts', '../../namenode/blocks.js'],
  ];
  const files = [...forbidden, ...allowed].map(([from, to]) => [from, `export { x } from '${to}';\n`]);
  t.deepEqual(
    brokenRules(Object.fromEntries(files)),
    forbidden.map(([from]) => `${from}: noRestrictedImports`),
  );
  const dynamic = forbidden.map(([from, to]) => [from, `export const x = await import('${to}');\n`]);
  t.is(brokenRules(Object.fromEntries(dynamic)).length, forbidden.length);
});

test('timers, enums and default exports are refused', (t) => {
  const files = {
    'common/default.ts': 'export default 1;\n',
    'common/enum.ts': 'export enum Color {\n  Red,\n}\n',
    'common/timer.ts': 'setTimeout(() => {}, 1);\n',
    'namenode/timer.ts': 'setTimeout(() => {}, 1);\n',
  };
  t.deepEqual(brokenRules(files), [
    'common/default.ts: noDefaultExport',
    'common/enum.ts: noEnum',
    'namenode/timer.ts: noRestrictedGlobals',
  ]);
});
