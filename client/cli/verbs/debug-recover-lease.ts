import { sleep } from '../../../common/clock.js';
import { PathError, UsageError } from '../errors.js';
import { defineVerb, WordOption } from '../verb.js';

interface Options {
  readonly path?: string;
  readonly retries?: string;
}

/** As in HDFS. */
const PAUSE_MS = 5_000;

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description(
        'Take a file from its writer, whose lease need not have run out, and have it closed: for a file that stays open because its ' +
          'writer has vanished. Everything that was flushed stays in it.',
      )
      .addOption(new WordOption('-path <path>', 'the file'))
      .addOption(new WordOption('-retries <n>', 'how often to ask whether it is closed, every 5 s (default: 1)'));
  },
  async run(session, args, { path, retries = '1' }) {
    if (path === undefined || args.length > 0) throw new UsageError('the file is given by -path, and nothing else.');
    if (!/^\d{1,6}$/.test(retries) || retries === '0')
      throw new UsageError(`'${retries}' is not a number of at least 1.`);
    const item = await session.destination(path);
    const fs = await session.fs(item);
    for (let attempt = 1; ; attempt++) {
      if (await fs.recoverLease(item.absolute)) {
        await session.out.line(`recoverLease SUCCEEDED on ${item.shown}`);
        return;
      }
      if (attempt >= Number(retries)) break;
      await session.out.line(`recoverLease returned false. Retrying in ${PAUSE_MS} ms...`);
      await session.out.flush();
      await sleep(session.environment.clock, PAUSE_MS, session.signal);
    }
    throw new PathError(
      path,
      `Giving up on recoverLease after ${retries} ${retries === '1' ? 'try' : 'tries'}; the recovery goes on`,
    );
  },
});
