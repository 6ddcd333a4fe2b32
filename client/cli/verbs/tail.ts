import { sleep } from '../../../common/clock.js';
import { parseDurationMs } from '../../../common/units.js';
import { UsageError } from '../errors.js';
import { printFile } from '../print-file.js';
import type { ExistingItem, Session } from '../session.js';
import { defineVerb } from '../verb.js';

/** HDFS's, which has no flag for it. */
const SHOWN_BYTES = 1024;

interface Options {
  readonly follow?: true;
  readonly interval: string;
}

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description('Print the last kilobyte of a file.')
      .argument('<path>')
      .option('-f, --follow', 'go on, and print what is added to the file')
      .option('-s, --interval <ms>', 'with -f: milliseconds between two looks', '5000');
  },
  async run(session, args, options) {
    const intervalMs = parseDurationMs(options.interval, 'ms');
    if (!intervalMs) throw new UsageError(`-s takes a time of at least 1 ms, not '${options.interval}'.`);
    await session.forEach(args, async (item) => {
      const start = Math.max(0, item.status.length - SHOWN_BYTES);
      const printed = await printFrom(session, item, start);
      if (options.follow) await follow(session, item, printed, intervalMs);
    });
  },
});

/** Returns the position behind the last byte. */
async function printFrom(session: Session, item: ExistingItem, start: number): Promise<number> {
  const end = item.status.length;
  if (end > start || item.status.type === 'DIRECTORY') await printFile(session, item, { start, end: end - 1 });
  await session.out.flush();
  return Math.max(start, end);
}

async function follow(session: Session, item: ExistingItem, from: number, intervalMs: number): Promise<never> {
  const fs = await session.fs(item);
  for (let position = from; ; ) {
    await sleep(session.environment.clock, intervalMs, session.signal);
    const status = await fs.stat(item.absolute);
    if (status.length < position) position = 0; // replaced by a shorter file
    position = await printFrom(session, { ...item, status }, position);
  }
}
