/**
 * A writer that will be killed: makes a file, has a part of it flushed, says so, writes some more, and waits.
 * Arguments: NameNode, path, bytes to flush, bytes to write after that.
 */
import { FileSystem } from '../../../client/index.js';
import { loadConfiguration } from '../../../common/config/configuration.js';
import { contentOf } from './written-content.js';

const [namenode = '', path = '', flushed = '0', more = '0'] = process.argv.slice(2);
const configuration = loadConfiguration({ overrides: { 'dfs.blocksize': '1m' } });
const fs = await FileSystem.connect({ namenode, configuration });
const writer = await fs.create(path);
await writer.write(contentOf(0, Number(flushed)));
await writer.hflush();
await writer.write(contentOf(Number(flushed), Number(more)));
process.stdout.write('flushed\n');
setInterval(() => {}, 1000);
