import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import BetterSqlite3 from 'better-sqlite3';

const SETTINGS = ['-D', 'dfs.namenode.rpc-address=127.0.0.1:0', '-D', 'dfs.namenode.http-address=127.0.0.1:0'];
const ENTRY = new URL('./support/run-namenode.ts', import.meta.url).pathname;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function temporaryDirectory(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'mini-hdfs-main-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'name');
}

/** A NameNode's process with its output so far. */
function start(t: ExecutionContext, args: readonly string[]) {
  const child = spawn(process.execPath, ['--import=tsx', ENTRY, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  child.stderr.on('data', (bytes) => {
    output.stderr += bytes;
  });
  const ready = new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      output.stdout += `${line}\n`;
      if (line.includes('NameNode ready')) resolve();
    });
  });
  const ended = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ code, ...output })));
  return { child, ready, ended, output };
}

const run = (t: ExecutionContext, ...args: string[]): Promise<Ended> => start(t, args).ended;

test.serial('format, run, stop on SIGTERM: in order, and with one line that says where it is', async (t) => {
  const directory = temporaryDirectory(t);
  const name = ['-D', `dfs.namenode.name.dir=${directory}`];
  const formatted = await run(t, '--format', '--cluster-id', 'CID-main', ...name);
  t.is(formatted.code, 0);
  t.is(formatted.stdout, `Formatted ${directory} for cluster CID-main.\n`);
  t.is(statSync(directory).mode & 0o777, 0o700);
  const { child, ready, ended, output } = start(t, [...name, ...SETTINGS]);
  await ready;
  const line = output.stdout.split('\n').find((text) => text.includes('NameNode ready')) ?? '';
  const { rpc, http, clusterId } = JSON.parse(line) as Record<string, string>;
  t.regex(rpc ?? '', /^127\.0\.0\.1:[1-9]\d*$/);
  t.regex(http ?? '', /^127\.0\.0\.1:[1-9]\d*$/);
  t.is(clusterId, 'CID-main');
  const second = await run(t, ...name, ...SETTINGS);
  t.is(second.code, 1);
  t.regex(second.stderr, new RegExp(`^namenode: .*${directory}.*${child.pid}.*\n$`));
  child.kill('SIGTERM');
  const stopped = await ended;
  t.is(stopped.code, 0);
  t.is(stopped.stderr, '');
  t.false(existsSync(join(directory, 'current', 'namespace.db-wal')));
});

test.serial('what cannot be run ends with code 1 and one sentence', async (t) => {
  const directory = temporaryDirectory(t);
  const name = ['-D', `dfs.namenode.name.dir=${directory}`];
  const cases: [string[], RegExp][] = [
    [[...name, ...SETTINGS], /is not formatted\. For a new, empty cluster run: dfs namenode --format/],
    [['-D', 'dfs.blocksze=1'], /"dfs\.blocksze".*Did you mean dfs\.blocksize\?/],
    [['-D', 'novalue'], /-D takes name=value, not "novalue"/],
    [['--format', '--cluster-id', 'a b', ...name], /--cluster-id takes/],
    [['--bogus'], /^namenode: unknown option '--bogus'/],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await run(t, ...args);
    t.is(code, 1, args.join(' '));
    t.regex(stderr, message);
    t.is(stderr.trimEnd().split('\n').length, 1, stderr);
  }
});

test.serial('tables with a damaged page: the start says so, and what to do', async (t) => {
  const directory = temporaryDirectory(t);
  const name = ['-D', `dfs.namenode.name.dir=${directory}`];
  t.is((await run(t, '--format', ...name)).code, 0);
  const path = join(directory, 'current', 'namespace.db');
  const tables = new BetterSqlite3(path, { readonly: true });
  const page = tables
    .prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'inodes_by_lease'")
    .pluck()
    .get() as number;
  const bytes = tables.pragma('page_size', { simple: true }) as number;
  tables.close();
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(bytes, 0xff), 0, bytes, (page - 1) * bytes);
  closeSync(file);
  const { code, stderr, stdout } = await run(t, ...name, ...SETTINGS);
  t.is(code, 1);
  t.regex(stderr, /^namenode: .*\/namespace\.db is damaged \(.*\); dfs namenode --recover says what can be kept.*\n$/);
  t.notRegex(stdout, /unforeseen/);
});

test.serial('formatting twice needs --force', async (t) => {
  const directory = temporaryDirectory(t);
  const name = ['-D', `dfs.namenode.name.dir=${directory}`];
  t.is((await run(t, '-format', ...name)).code, 0);
  const refused = await run(t, '--format', ...name);
  t.is(refused.code, 1);
  t.regex(refused.stderr, /holds a namespace already.*--force\n$/);
  t.is((await run(t, '--format', '--force', ...name)).code, 0);
});
