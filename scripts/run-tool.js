/** Running the tools of node_modules. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './requirements.js';

/**
 * Runs a tool with its output shown. Returns whether it succeeded.
 * @param {string} script its JavaScript file below node_modules
 * @param {string[]} args
 */
export function runTool(script, args) {
  const toolPath = join(ROOT, 'node_modules', script);
  const { status } = spawnSync(process.execPath, [toolPath, ...args], { cwd: ROOT, stdio: 'inherit' });
  return status === 0;
}
