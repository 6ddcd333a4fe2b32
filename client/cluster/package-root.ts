/** Where this copy of Mini-HDFS stands: the directory of package.json, whether it runs from the sources or compiled. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

function findPackageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error('package.json is missing: this installation is not complete.');
    directory = parent;
  }
  return directory;
}

export const PACKAGE_ROOT = findPackageRoot();

/** The script that is the command `dfs`. */
export const DFS_SCRIPT = join(PACKAGE_ROOT, 'bin', 'dfs.js');
