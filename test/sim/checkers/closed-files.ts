/** Once all writers are gone, every file is closed, by its writer or by the NameNode, and nobody waits for a recovery any more. */
import type { Checker } from './checker.js';

/** The hard limit of a lease at most, and time for a few attempts. */
const LIMIT_MS = 45 * 60_000;
const PAUSE_MS = 5_000;

interface OpenFile {
  readonly id: number;
  readonly name: string;
  readonly holder: string;
}

export const closedFiles: Checker = {
  name: 'closed files',
  async check({ world, namenode }) {
    const { scheduler } = world;
    const sql = 'SELECT id, name, lease_holder AS holder FROM inodes WHERE lease_holder IS NOT NULL AND parent <> 0';
    const endMs = scheduler.nowMs + LIMIT_MS;
    for (;;) {
      const open = namenode.database?.connections.reading.prepare<[], OpenFile>(sql).all();
      if (open?.length === 0) return;
      if (scheduler.nowMs > endMs) {
        if (open === undefined) world.violation('the NameNode is not up');
        for (const { id, name, holder } of open ?? [])
          world.violation(`inode ${id} (${name}) is still open for ${holder}`);
        return;
      }
      await scheduler.sleep(PAUSE_MS, 'check again');
    }
  },
};
