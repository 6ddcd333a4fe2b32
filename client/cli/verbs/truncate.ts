import { sleep } from '../../../common/clock.js';
import { PathError, PROBLEMS, UsageError } from '../errors.js';
import type { ExistingItem, Session } from '../session.js';
import { defineVerb } from '../verb.js';

const LOOK_INTERVAL_MS = 500;

export const verb = defineVerb<{ readonly wait?: true }>({
  define(command) {
    command
      .description(
        'Cut files to a length. Where the new end is within a block, the DataNodes cut their replicas; ' +
          'until they are done nobody can write to the file.',
      )
      .usage('[options] <length> <path...>')
      .argument('<path...>')
      .option('-w, --wait', 'wait until the file is closed');
  },
  async run(session, [length = '', ...paths], options) {
    if (!/^\d{1,15}$/.test(length)) throw new UsageError(`'${length}' is not a length in bytes.`);
    if (paths.length === 0) throw new UsageError('a path is missing.');
    const newLength = Number(length);
    const waiting: ExistingItem[] = [];
    await session.forEach(paths, async (item) => {
      if (item.status.type === 'DIRECTORY') throw new PathError(item.shown, PROBLEMS.isDirectory);
      const done = await (await session.fs(item)).truncate(item.absolute, newLength);
      if (done) await session.out.line(`Truncated ${item.shown} to length: ${newLength}`);
      else if (options.wait) waiting.push(item);
      else {
        await session.out.line(
          `Truncating ${item.shown} to length: ${newLength}. Wait for block recovery to complete before further updating the file.`,
        );
      }
    });
    for (const item of waiting) await session.attempt(item.shown, () => waitUntilClosed(session, item, newLength));
  },
});

async function waitUntilClosed(session: Session, item: ExistingItem, newLength: number): Promise<void> {
  const fs = await session.fs(item);
  await session.out.text(`Waiting for ${item.shown} ...`);
  while ((await fs.stat(item.absolute)).underConstruction) {
    await session.out.text('.');
    await session.out.flush();
    await sleep(session.environment.clock, LOOK_INTERVAL_MS, session.signal);
  }
  await session.out.line(`\nTruncated ${item.shown} to length: ${newLength}`);
}
