import { humanSize } from '../../../common/units.js';
import type { ContentSummary, DirectoryQuota } from '../../types.js';
import { JsonArray } from '../output.js';
import { defineVerb, jsonOption } from '../verb.js';

interface Options {
  readonly quota?: true;
  readonly usage?: true;
  readonly humanReadable?: true;
  readonly header?: true;
  readonly json?: true;
}

const WIDTHS = [12, 12, 18] as const;
const HEADER = ['DIR_COUNT', 'FILE_COUNT', 'CONTENT_SIZE'] as const;
const QUOTA_WIDTHS = [12, 15, 15, 15] as const;
const QUOTA_HEADER = ['QUOTA', 'REM_QUOTA', 'SPACE_QUOTA', 'REM_SPACE_QUOTA'] as const;
/** What HDFS prints where no quota is set. */
const NO_QUOTA = ['none', 'inf'] as const;

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description('Count the directories, the files and the bytes below paths, the paths themselves included.')
      .argument('<path...>')
      .option('-q, --quota', 'quotas, too, and how much of them is left (less than 0: what is there is more)')
      .option('-u, --usage', 'quotas, and how much of them is left, alone')
      .option('-h, --human-readable', 'sizes as 1.5 K, 128 M')
      .option('-v, --header', 'a line with the names of the columns')
      .addOption(jsonOption());
  },
  async run(session, args, options) {
    const array = options.json ? new JsonArray(session.out) : undefined;
    const line = async (quota: readonly string[], counts: readonly string[], path: string): Promise<void> => {
      const left = options.quota || options.usage ? padded(quota, QUOTA_WIDTHS) : '';
      await session.out.line(`${left}${options.usage ? '' : padded(counts, WIDTHS)}${path}`);
    };
    if (options.header && array === undefined) await line(QUOTA_HEADER, HEADER, 'PATHNAME');
    const size = options.humanReadable ? (bytes: number) => humanSize(bytes) : String;
    await session.forEach(args, async (item) => {
      const summary = await (await session.fs(item)).contentSummary(item.absolute);
      if (array === undefined) await line(quotaCells(summary.quota, size), countCells(summary, size), item.shown);
      else await array.item(jsonOf(item.absolute, summary));
    });
    await array?.end();
  },
});

function jsonOf(path: string, { directoryCount, fileCount, length, spaceConsumed, quota }: ContentSummary): object {
  return { path, directoryCount, fileCount, length, spaceConsumed, quota };
}

type SizeText = (bytes: number) => string;

function quotaCells(quota: DirectoryQuota | undefined, size: SizeText): string[] {
  const names =
    quota?.names === undefined ? NO_QUOTA : [size(quota.names), signed(quota.names - quota.namesUsed, size)];
  const space =
    quota?.space === undefined ? NO_QUOTA : [size(quota.space), signed(quota.space - quota.spaceUsed, size)];
  return [...names, ...space];
}

function countCells({ directoryCount, fileCount, length }: ContentSummary, size: SizeText): string[] {
  return [String(directoryCount), String(fileCount), size(length)];
}

/** What is there may be more than its quota. */
function signed(value: number, size: SizeText): string {
  return value < 0 ? `-${size(-value)}` : size(value);
}

function padded(cells: readonly string[], widths: readonly number[]): string {
  return cells.map((cell, i) => `${cell.padStart(widths[i] ?? 0)} `).join('');
}
