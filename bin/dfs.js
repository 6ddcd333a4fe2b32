#!/usr/bin/env node
/**
 * The `dfs` command. It loads nothing but what the verb needs: most of the time of a short command is the time of loading code.
 */
import { existsSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';
import { loadBundle } from './load-bundle.js';

const SERVERS = { namenode: '../dist/namenode/main.js', datanode: '../dist/datanode/main.js' };
const CLI = '../dist/bundle/dfs.cjs';

/** @param {string[]} argv */
async function run(argv) {
  const server = Object.entries(SERVERS).find(([name]) => name === argv[0])?.[1];
  const entry = new URL(server ?? CLI, import.meta.url);
  const dependencies = new URL('../node_modules', import.meta.url);
  if (!existsSync(fileURLToPath(entry)) || !existsSync(fileURLToPath(dependencies))) {
    process.stderr.write('dfs: not built yet. Run `npm start` (or `npm run build`) in the project directory first.\n');
    process.exitCode = 1;
    return;
  }
  if ('enableCompileCache' in module && typeof module.enableCompileCache === 'function') module.enableCompileCache();
  const { main } = server === undefined ? loadBundle(fileURLToPath(entry)) : await import(entry.href);
  await main(server === undefined ? argv : argv.slice(1));
}

await run(process.argv.slice(2));
