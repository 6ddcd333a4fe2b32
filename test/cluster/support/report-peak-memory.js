/** Loaded into a process with `node --import`: writes its peak memory in bytes to $PEAK_MEMORY_FILE when it ends. */
import { writeFileSync } from 'node:fs';

process.on('exit', () => {
  writeFileSync(String(process.env['PEAK_MEMORY_FILE']), String(process.resourceUsage().maxRSS * 1024));
});
