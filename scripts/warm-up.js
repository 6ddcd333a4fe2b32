/** Runs a command from the bundle, so that the code which V8 makes of it is kept: `node scripts/warm-up.js <dist>`. */
import { join, resolve } from 'node:path';
import { loadBundleAndKeepCode } from '../bin/load-bundle.js';

/** Refused at once, as nobody listens there: that takes the way through all code but what reads an answer. */
const COMMAND = ['--namenode', '127.0.0.1:1', 'ls', '/'];

const { main } = loadBundleAndKeepCode(resolve(join(process.argv[2] ?? 'dist', 'bundle/dfs.cjs')));
await main(COMMAND);
