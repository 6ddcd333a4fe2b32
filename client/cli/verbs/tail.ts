import { sleep } from '../../../common/clock.js';
import { parseDurationMs } from '../../../common/units.js';
import { UsageError } from '../errors.js';
import { openFile } from '../print-file.js';
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
      const printed = await printFrom(session, item, (length) => Math.max(0, length - SHOWN_BYTES));
      if (options.follow) await follow(session, item, printed, intervalMs);
    });
  },
});

/** Prints to the end, which of a file being written only its DataNodes know. Returns the position behind the last byte. */
async function printFrom(session: Session, item: ExistingItem, startIn: (length: number) => number): Promise<number> {
  const reader = await openFile(session, item);
  try {
    const { length } = reader;
    const start = startIn(length);
    if (start < length) {
      for await (const bytes of reader.stream({ start }, { signal: session.signal })) await session.out.bytes(bytes);
    }
    await session.out.flush();
    return length;
  } finally {
    await reader.close();
  }
}

async function follow(session: Session, item: ExistingItem, from: number, intervalMs: number): Promise<never> {
  for (let position = from; ; ) {
    await sleep(session.environment.clock, intervalMs, session.signal);
    const before = position;
    position = await printFrom(session, item, (length) => (length < before ? 0 : before)); // replaced by a shorter file
  }
}
