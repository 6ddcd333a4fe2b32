import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';

const LOCK = {
  packages: { '': {}, 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '2.0.0', optional: true } },
};

interface Project {
  readonly root: string;
  /** The arguments of each call of npm so far. */
  readonly npmCalls: () => string[];
  /** Runs ensureInstalled() with npm replaced by a script of the test. */
  readonly install: (env?: Record<string, string>) => { status: number | null; output: string };
}

/** A project whose dependency is installed in version `installed`, or not at all. */
function project(t: ExecutionContext, installed: string | undefined): Project {
  const root = mkdtempSync(join(tmpdir(), 'requirements-'));
  t.teardown(() => rmSync(root, { recursive: true }));
  cpSync('scripts', join(root, 'scripts'), { recursive: true });
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify(LOCK));
  if (installed !== undefined) {
    const sqlite = 'node_modules/better-sqlite3/build/Release';
    mkdirSync(join(root, sqlite), { recursive: true });
    symlinkSync(join(process.cwd(), sqlite, 'better_sqlite3.node'), join(root, sqlite, 'better_sqlite3.node'));
    const packages = { 'node_modules/a': { version: installed } };
    writeFileSync(join(root, 'node_modules/.package-lock.json'), JSON.stringify({ packages }));
  }
  const log = join(root, 'npm.log');
  const npm = join(root, 'npm.cjs');
  writeFileSync(
    npm,
    `require('fs').appendFileSync(${JSON.stringify(log)}, process.argv.slice(2).join(' ') + ' nodedir=' + process.env.npm_config_nodedir + '\\n');
     process.exit(1);`,
  );
  const code = `import('${join(root, 'scripts/requirements.js')}').then((module) => module.ensureInstalled())`;
  return {
    root,
    npmCalls: () => (existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : []),
    install(env = {}) {
      const { npm_config_nodedir: _, ...inherited } = process.env;
      const result = spawnSync(process.execPath, ['-e', code], {
        encoding: 'utf8',
        env: { ...inherited, npm_execpath: npm, ...env },
      });
      return { status: result.status, output: result.stdout + result.stderr };
    },
  };
}

test('nothing is done when what is installed is what the lock file says', (t) => {
  const { install, npmCalls } = project(t, '1.0.0');
  t.deepEqual(install(), { status: 0, output: '' });
  t.deepEqual(npmCalls(), []);
});

for (const [name, installed] of [
  ['missing', undefined],
  ['of another version', '0.9.0'],
] as const) {
  test(`dependencies that are ${name} are installed as the lock file says`, (t) => {
    const { install, npmCalls } = project(t, installed);
    const { status, output } = install();
    t.is(status, 1);
    t.regex(output, /Installing dependencies[\s\S]*failed; see above\./);
    t.is(npmCalls().length, 1);
    t.regex(npmCalls()[0] ?? '', /^ci --include=dev /);
  });
}

test('a missing SQLite binary is built', (t) => {
  const { root, install, npmCalls } = project(t, '1.0.0');
  rmSync(join(root, 'node_modules/better-sqlite3'), { recursive: true });
  const { status, output } = install();
  t.is(status, 1);
  t.regex(output, /better-sqlite3 could not be built/);
  t.regex(npmCalls()[0] ?? '', /^rebuild better-sqlite3 /);
});

test('missing compilers are named, with the packages to install', (t) => {
  const { root, install } = project(t, undefined);
  const { output } = install({ PATH: root });
  t.regex(output, /g\+\+, make, python3 must be installed\. On Debian: apt install g\+\+ make python3/);
});

test('the headers beside the node binary are used, unless the user names others', (t) => {
  const { install, npmCalls } = project(t, undefined);
  const prefix = dirname(dirname(process.execPath));
  install();
  install({ npm_config_nodedir: '/opt/headers' });
  const [first = '', second = ''] = npmCalls();
  t.true(first.endsWith(existsSync(join(prefix, 'include/node/node.h')) ? `nodedir=${prefix}` : 'nodedir=undefined'));
  t.true(second.endsWith('nodedir=/opt/headers'));
});
