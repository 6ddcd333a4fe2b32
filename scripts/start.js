/** `npm start`: installs and builds what is missing, then runs a cluster with its data in ./data until it is told to stop. */
import { ensureInstalled, ROOT } from './requirements.js';

ensureInstalled();
const { ensureBuilt } = await import('./build.js');
ensureBuilt();

process.chdir(ROOT);
process.argv.splice(2, 0, 'cluster', 'start', '--dir', 'data');
await import('../bin/dfs.js');
