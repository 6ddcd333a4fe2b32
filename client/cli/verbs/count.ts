import { humanSize } from '../format.js';
import { JsonArray } from '../output.js';
import { defineVerb, jsonOption } from '../verb.js';

interface Options {
  readonly quota?: true;
  readonly humanReadable?: true;
  readonly header?: true;
  readonly json?: true;
}

const WIDTHS = [12, 12, 18] as const;
const QUOTA_WIDTHS = [12, 15, 15, 15] as const;
/** What HDFS prints where no quota is set. */
const NO_QUOTA = ['none', 'inf', 'none', 'inf'] as const;

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description('Count the directories, the files and the bytes below paths, the paths themselves included.')
      .argument('<path...>')
      .option('-q, --quota', "HDFS's columns for quotas, too; there are none yet")
      .option('-h, --human-readable', 'sizes as 1.5 K, 128 M')
      .option('-v, --header', 'a line with the names of the columns')
      .addOption(jsonOption());
  },
  async run(session, args, options) {
    const array = options.json ? new JsonArray(session.out) : undefined;
    const line = (quota: readonly string[], counts: readonly string[], path: string): Promise<void> =>
      session.out.line(`${options.quota ? padded(quota, QUOTA_WIDTHS) : ''}${padded(counts, WIDTHS)}${path}`);
    if (options.header && array === undefined) {
      const quotaHeader = ['QUOTA', 'REM_QUOTA', 'SPACE_QUOTA', 'REM_SPACE_QUOTA'];
      await line(quotaHeader, ['DIR_COUNT', 'FILE_COUNT', 'CONTENT_SIZE'], 'PATHNAME');
    }
    await session.forEach(args, async (item) => {
      const { directoryCount, fileCount, length, spaceConsumed } = await (await session.fs(item)).contentSummary(
        item.absolute,
      );
      if (array !== undefined)
        await array.item({ path: item.absolute, directoryCount, fileCount, length, spaceConsumed });
      else {
        const size = options.humanReadable ? humanSize(length) : String(length);
        await line(NO_QUOTA, [String(directoryCount), String(fileCount), size], item.shown);
      }
    });
    await array?.end();
  },
});

function padded(cells: readonly string[], widths: readonly number[]): string {
  return cells.map((cell, i) => `${cell.padStart(widths[i] ?? 0)} `).join('');
}
