/** `npm run build`: compiles the sources to dist/, which bin/dfs.js runs. */
import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fingerprint, storedFingerprint } from './fingerprint.js';
import { ensureGenerated } from './generate.js';
import { ensureInstalled, fail, ROOT } from './requirements.js';
import { runTool } from './steps.js';

const SOURCES = ['common', 'namenode', 'datanode', 'client', 'proto', 'tsconfig.json', 'tsconfig.build.json'];
const STAMP = 'dist/.made-from';

/** Does nothing when dist/ is up to date. */
export function ensureBuilt() {
  ensureGenerated();
  const current = fingerprint(SOURCES);
  if (storedFingerprint(STAMP) === current) return;
  const target = `dist.${process.pid}`;
  process.on('exit', () => rmSync(join(ROOT, target), { recursive: true, force: true }));
  if (!runTool('typescript/bin/tsc', ['-p', 'tsconfig.build.json', '--outDir', target]))
    fail('The build failed; see above.');
  copyProtoFiles(join(target, 'proto'));
  writeFileSync(join(ROOT, target, '.made-from'), current);
  replaceDist(target);
}

/** @param {string} target */
function copyProtoFiles(target) {
  mkdirSync(join(ROOT, target), { recursive: true });
  for (const name of readdirSync(join(ROOT, 'proto'))) {
    if (name.endsWith('.proto')) copyFileSync(join(ROOT, 'proto', name), join(ROOT, target, name));
  }
}

/**
 * Puts the whole build in place at once, so that neither a build that was cut off nor a removed source leaves traces.
 * @param {string} target
 */
function replaceDist(target) {
  const old = `dist.old.${process.pid}`;
  try {
    renameSync(join(ROOT, 'dist'), join(ROOT, old));
  } catch {
    // There was none.
  }
  renameSync(join(ROOT, target), join(ROOT, 'dist'));
  rmSync(join(ROOT, old), { recursive: true, force: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  ensureInstalled();
  ensureBuilt();
}
