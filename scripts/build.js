/** `npm run build`: compiles the sources to dist/, which bin/dfs.js runs. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fingerprint, storedFingerprint } from './fingerprint.js';
import { ensureGenerated, MESSAGES } from './generate.js';
import { replaceDirectory } from './replace-directory.js';
import { ensureInstalled, fail, ROOT } from './requirements.js';
import { runTool } from './run-tool.js';

const SOURCES = [
  'common',
  'namenode',
  'datanode',
  'client',
  'proto',
  'tsconfig.json',
  'tsconfig.build.json',
  'scripts/bundle.js',
  'bin/load-bundle.js',
];
const STAMP = '.made-from';
const WARM_UP_TIMEOUT_MS = 30_000;

/** Does nothing when dist/ is up to date. */
export function ensureBuilt() {
  ensureGenerated();
  const current = fingerprint(SOURCES);
  if (storedFingerprint(`dist/${STAMP}`) === current) return;
  replaceDirectory('dist', (directory) => {
    const built = runTool('typescript/bin/tsc', ['-p', 'tsconfig.build.json', '--outDir', directory]);
    if (!built) fail('The build failed; see above.');
    copyProtoFiles(join(directory, 'proto'));
    // In a process of its own, because esbuild with plugins is asynchronous and this is not.
    const bundled = spawnSync(process.execPath, ['scripts/bundle.js', directory], { cwd: ROOT, stdio: 'inherit' });
    if (bundled.status !== 0) fail('The command could not be bundled; see above.');
    writeFileSync(join(ROOT, directory, STAMP), current);
  });
  // Where it will run, as the code holds the file's path. Without the code the command is slower, and that is all.
  spawnSync(process.execPath, ['scripts/warm-up.js', 'dist'], {
    cwd: ROOT,
    stdio: 'ignore',
    timeout: WARM_UP_TIMEOUT_MS,
  });
}

/** @param {string} target */
function copyProtoFiles(target) {
  mkdirSync(join(ROOT, target, 'generated'), { recursive: true });
  for (const name of readdirSync(join(ROOT, 'proto'))) {
    if (name.endsWith('.proto')) copyFileSync(join(ROOT, 'proto', name), join(ROOT, target, name));
  }
  copyFileSync(join(ROOT, 'proto/generated', MESSAGES), join(ROOT, target, 'generated', MESSAGES));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  ensureInstalled();
  ensureBuilt();
}
