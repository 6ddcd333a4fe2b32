import { sleep } from '../../../common/clock.js';
import { UsageError } from '../errors.js';
import type { ExistingItem, Session } from '../session.js';
import { defineVerb } from '../verb.js';
import { walk } from '../walk.js';

/** HDFS looks every 10 s; with repair every 3 s that is a long time to watch. */
const LOOK_INTERVAL_MS = 1000;

export const verb = defineVerb<{ readonly wait?: true }>({
  define(command) {
    command
      .description('Set how many replicas files have; of a directory: all files below it.')
      .usage('[options] <replicas> <path...>')
      .argument('<path...>')
      .option('-w, --wait', 'wait until the replicas are there; this can take long')
      .option('-R, --recursive', 'accepted for HDFS; directories are always gone through');
  },
  async run(session, [count = '', ...paths], options) {
    if (!/^\d{1,5}$/.test(count) || Number(count) < 1)
      throw new UsageError(`'${count}' is not a number of replicas of at least 1.`);
    if (paths.length === 0) throw new UsageError('a path is missing.');
    const replication = Number(count);
    const changed: ExistingItem[] = [];
    await session.forEach(paths, async (root) => {
      for await (const item of walk(session, root)) {
        if (item.status.type !== 'FILE') continue;
        await session.attempt(item.shown, async () => {
          await (await session.fs(item)).setReplication(item.absolute, replication);
          await session.out.line(`Replication ${replication} set: ${item.shown}`);
          if (options.wait) changed.push(item);
        });
      }
    });
    for (const item of changed) await waitForReplicas(session, item, replication);
  },
});

async function waitForReplicas(session: Session, item: ExistingItem, replication: number): Promise<void> {
  const fs = await session.fs(item);
  await session.out.text(`Waiting for ${item.shown} ...`);
  for (;;) {
    const blocks = await fs.getBlockLocations(item.absolute, 0, Number.MAX_SAFE_INTEGER);
    if (blocks.every((block) => block.locations.length === replication)) break;
    await session.out.text('.');
    await session.out.flush();
    await sleep(session.environment.clock, LOOK_INTERVAL_MS, session.signal);
  }
  await session.out.line(' done');
}
