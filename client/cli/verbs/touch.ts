import { createEmpty } from '../create-empty.js';
import { PathError, PROBLEMS, UsageError } from '../errors.js';
import type { RemotePath } from '../remote-path.js';
import { defineVerb } from '../verb.js';

interface Options {
  readonly accessTime?: true;
  readonly modificationTime?: true;
  readonly timestamp?: string;
  /** False with --no-create. */
  readonly create: boolean;
}

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description('Set the times of files to now. Files that do not exist are made, empty.')
      .argument('<path...>')
      .option('-a, --access-time', 'only the time of the last access')
      .option('-m, --modification-time', 'only the time of the last change')
      .option('-t, --timestamp <time>', 'to this time instead of now: yyyyMMdd:HHmmss in the time zone of this machine')
      .option('-c, --no-create', 'make no files');
  },
  async run(session, args, { accessTime, modificationTime, timestamp, create }) {
    const timeMs = timestamp === undefined ? session.environment.clock.now() : parseTimestamp(timestamp);
    const times = {
      ...(modificationTime && !accessTime ? {} : { accessTimeMs: timeMs }),
      ...(accessTime && !modificationTime ? {} : { modificationTimeMs: timeMs }),
    };
    const setTimes = async (path: RemotePath): Promise<void> => (await session.fs(path)).setTimes(path.absolute, times);
    await session.forEach(
      args,
      async ({ status, ...path }) => {
        if (status.type === 'DIRECTORY') throw new PathError(path.shown, PROBLEMS.isDirectory);
        await setTimes(path);
      },
      async (path) => {
        if (!create) return;
        await createEmpty(session, path);
        if (timestamp !== undefined) await setTimes(path);
      },
    );
  },
});

function parseTimestamp(text: string): number {
  const [, year, month, day, hour, minute, second] = (/^(\d{4})(\d\d)(\d\d):(\d\d)(\d\d)(\d\d)$/.exec(text) ?? []).map(
    Number,
  );
  const date = new Date(year ?? Number.NaN, (month ?? 0) - 1, day, hour, minute, second);
  // Dates that do not exist (February 30) would come out as others.
  if (
    Number.isNaN(date.getTime()) ||
    date.getMonth() + 1 !== month ||
    date.getDate() !== day ||
    date.getHours() !== hour
  ) {
    throw new UsageError(`'${text}' is not a time: it must be yyyyMMdd:HHmmss, such as 20260102:030405.`);
  }
  return date.getTime();
}
