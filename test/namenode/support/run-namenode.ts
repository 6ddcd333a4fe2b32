/** Run as a process by main.test.ts: what `dfs namenode` runs. */
import { main } from '../../../namenode/main.js';

await main(process.argv.slice(2));
