/** `npm run check`: types, format, lint, import direction, promises, seams. */
import { fileURLToPath } from 'node:url';
import { ensureGenerated } from './generate.js';
import { ensureInstalled } from './requirements.js';
import { runTool } from './run-tool.js';

/** @type {readonly (readonly [name: string, tool: string, args: string[]])[]} */
const CHECKS = [
  ['types', 'typescript/bin/tsc', ['-p', '.']],
  ['format, lint and import direction', '@biomejs/biome/bin/biome', ['check', '--error-on-warnings']],
  ['promises; time, randomness, files and sockets only through their seams', 'oxlint/bin/oxlint', ['--deny-warnings']],
];

/** Runs all checks, shows what they complain about, and returns the names of those that failed. */
export function failedChecks() {
  return CHECKS.filter(([name, tool, args]) => {
    process.stdout.write(`check: ${name}\n`);
    return !runTool(tool, args);
  }).map(([name]) => name);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  ensureInstalled();
  ensureGenerated();
  const failed = failedChecks();
  for (const name of failed) process.stderr.write(`check failed: ${name}\n`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}
