/**
 * What must be there before anything runs. Everything in scripts/ is plain JavaScript on Node alone up to the point where this
 * module has installed the dependencies.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const SQLITE_BINARY = 'node_modules/better-sqlite3/build/Release/better_sqlite3.node';

/**
 * Ends the script with a sentence for the user.
 * @param {string} message
 * @returns {never}
 */
export function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** Node 20.19 is the first 20.x with all that the dependencies ask for. */
export function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    fail(
      `Mini-HDFS needs Node 20.19 or newer; this is Node ${process.versions.node}. Install a newer one: https://nodejs.org`,
    );
  }
}

/** Installs the dependencies when they are missing or other than package-lock.json says. */
export function ensureInstalled() {
  requireNode();
  if (!isInstalled()) {
    process.stdout.write('Installing dependencies (this takes a minute where SQLite has to be compiled)…\n');
    if (!npm(['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'])) {
      fail(`Installing the dependencies failed; see above. ${advice()}`);
    }
  }
  // It can be missing or unfit although the packages are there: scripts were off, or Node was upgraded since.
  if (!sqliteLoads()) {
    process.stdout.write('Building better-sqlite3 for this Node…\n');
    npm(['rebuild', 'better-sqlite3', '--ignore-scripts=false', '--loglevel=error']);
    if (!sqliteLoads()) fail(`better-sqlite3 could not be built; see above. ${advice()}`);
  }
}

/** Compares what npm wrote down about the installation with the lock file: a fresh clone or another commit may differ. */
function isInstalled() {
  const wanted = readPackages('package-lock.json');
  const installed = readPackages('node_modules/.package-lock.json');
  if (wanted === undefined || installed === undefined) return false;
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === '' || optional === true || installed[path]?.version === version,
  );
}

/**
 * @param {string} lockFile
 * @returns {Record<string, { version?: string, optional?: boolean }> | undefined}
 */
function readPackages(lockFile) {
  try {
    return JSON.parse(readFileSync(join(ROOT, lockFile), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

function sqliteLoads() {
  try {
    createRequire(import.meta.url)(join(ROOT, SQLITE_BINARY));
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {string[]} args
 * @returns {boolean} whether it succeeded
 */
function npm(args) {
  const npmScript = process.env['npm_execpath'];
  const [command, first] = npmScript === undefined ? ['npm', []] : [process.execPath, [npmScript]];
  const env = { ...process.env, ...nodeHeaders() };
  const { status, error } = spawnSync(command, [...first, ...args], { cwd: ROOT, env, stdio: 'inherit' });
  if (error !== undefined) process.stderr.write(`${error.message}\n`);
  return status === 0;
}

/**
 * Where better-sqlite3 has to be compiled, node-gyp downloads Node's headers, unless it is told that they stand beside the node
 * binary.
 */
function nodeHeaders() {
  const prefix = dirname(dirname(process.execPath));
  if (process.env['npm_config_nodedir'] !== undefined || !headersFit(join(prefix, 'include/node'))) return {};
  return { npm_config_nodedir: prefix };
}

/** @param {string} directory */
function headersFit(directory) {
  if (!existsSync(join(directory, 'node.h'))) return false;
  const versionHeader = readFileSync(join(directory, 'node_version.h'), 'utf8');
  const major = /#define NODE_MAJOR_VERSION (\d+)/.exec(versionHeader)?.[1];
  return major === process.versions.node.split('.')[0];
}

function advice() {
  const missing = ['g++', 'make', 'python3'].filter((tool) => spawnSync(tool, ['--version']).error !== undefined);
  if (missing.length === 0) return 'Once the cause is removed, run the same command again.';
  return `To compile better-sqlite3, ${missing.join(', ')} must be installed. On Debian: apt install g++ make python3`;
}
