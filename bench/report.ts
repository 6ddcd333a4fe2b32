/** The bench's result: rows for a table and for a JSON file, with the machine they were measured on. */
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { digits, pairwise, type Spread, spread } from './statistics.js';

export interface Row {
  readonly what: string;
  /** What the figures count: "MiB/s", "/s", "ms", "s", "MiB", "×". */
  readonly unit: string;
  readonly value: Spread;
  /** The same of the peer, measured by turns with ours. */
  readonly peer?: Spread;
  /** How many times as fast as the peer we were, in pairs of one round. */
  readonly ratio?: Spread;
  /** What the machine does without any file system of ours or the peer's. */
  readonly limit?: Spread;
  /** Our figure as a part of the limit, in pairs of one round. */
  readonly ofLimit?: Spread;
  readonly note?: string;
  /** Whether it stands in the README, too. */
  readonly headline?: boolean;
}

/** Figures of one row, round by round. */
export interface Samples {
  readonly ours: readonly number[];
  readonly peer?: readonly number[] | undefined;
  readonly limit?: readonly number[] | undefined;
}

/** A row from what was measured in turns. Of times (unit "ms" or "s") less is faster. */
export function rowOf(what: string, unit: string, samples: Samples, rest: Pick<Row, 'note' | 'headline'> = {}): Row {
  const { ours, peer, limit } = samples;
  const times = unit === 'ms' || unit === 's';
  const faster = (other: readonly number[]): Spread => (times ? pairwise(other, ours) : pairwise(ours, other));
  return {
    what,
    unit,
    value: spread(ours),
    ...(peer === undefined || peer.length === 0 ? {} : { peer: spread(peer), ratio: faster(peer) }),
    ...(limit === undefined ? {} : { limit: spread(limit), ofLimit: faster(limit) }),
    ...rest,
  };
}

interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  /** Type of the file system that was measured on, and its device. */
  readonly disk: string;
  readonly node: string;
  /** Processes that wanted a processor when the run began: with 0 the machine was quiet. */
  readonly loadAtStart: number;
}

export interface Report {
  readonly startedAt: string;
  readonly machine: Machine;
  /** The peer with its version. */
  peer?: string;
  /** Minutes that the run took. */
  minutes?: number;
  /** Cases that gave no rows, each with the reason. */
  readonly failed: string[];
  readonly rows: Row[];
}

/** @param directory On the disk that is measured. */
export function newReport(directory = process.cwd()): Report {
  const processors = cpus();
  const fileSystem = execFileSync('df', ['--output=fstype', directory], { encoding: 'utf8' }).trim().split('\n').at(-1);
  return {
    startedAt: new Date().toISOString(),
    machine: {
      cpu: processors[0]?.model ?? 'unknown',
      cores: processors.length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      kernel: /^\d+\.\d+/.exec(release())?.[0] ?? 'unknown',
      disk: fileSystem ?? 'unknown',
      node: process.version,
      loadAtStart: loadavg()[0] ?? Number.NaN,
    },
    failed: [],
    rows: [],
  };
}

/** `239 MiB/s (211 – 290)`. */
function figure(value: Spread | undefined, unit: string): string {
  if (value === undefined) return '';
  const range = value.min === value.max ? '' : ` (${digits(value.min)} – ${digits(value.max)})`;
  return `${digits(value.median)} ${unit}${range}`;
}

export function asMarkdown(report: Report, rows: readonly Row[] = report.rows): string {
  const { cpu, cores, memoryGiB, kernel, disk, node, loadAtStart } = report.machine;
  const { peer, startedAt, minutes } = report;
  const columns: readonly [string, (row: Row) => string][] = [
    ['what', (row) => row.what],
    ['Mini-HDFS', (row) => figure(row.value, row.unit)],
    [peer ?? 'peer', (row) => figure(row.peer, row.unit)],
    ['times as fast', (row) => figure(row.ratio, '×')],
    ['limit', (row) => figure(row.limit, row.unit)],
    ['of the limit', (row) => figure(row.ofLimit, '×')],
    ['note', (row) => row.note ?? ''],
  ];
  const used = columns.filter(([, cell]) => rows.some((row) => cell(row) !== ''));
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    `Measured ${startedAt.slice(0, 10)} on ${cores} cores (${cpu}), ${memoryGiB} GiB, Linux ${kernel}, ${disk}, Node ${node}; load ${loadAtStart.toFixed(2)} at the start` +
      `${minutes === undefined ? '' : `, ${minutes.toFixed(0)} minutes`}. Medians (least – most); ratios are of pairs in one round.`,
    ...report.failed.map((reason) => `Failed: ${reason}.`),
    '',
    line(used.map(([title]) => title)),
    line(used.map(() => '---')),
    ...rows.map((row) => line(used.map(([, cell]) => cell(row)))),
    '',
  ].join('\n');
}

/** Writes a JSON file named for the time into `directory`; returns its path. */
export async function writeJson(report: Report, directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, `${report.startedAt.replaceAll(/[:.]/g, '-')}.json`);
  await writeFile(path, `${JSON.stringify(report, undefined, 2)}\n`);
  return path;
}

/** Writes `latest.md`, or `latest-PEER.md` for a peer that is not the usual one. */
export async function writeLatest(report: Report, directory: string, peer: string | undefined): Promise<void> {
  const name = peer === undefined || peer === 'moosefs' ? 'latest.md' : `latest-${peer}.md`;
  await writeFile(join(directory, name), asMarkdown(report));
}

const BEGIN = '<!-- figures: written by npm run bench -->';
const END = '<!-- end of figures -->';

/** Puts the headlines between the two markers of the README. */
export async function writeReadme(report: Report, path: string): Promise<void> {
  const text = await readFile(path, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${path} has no place for figures: ${BEGIN} … ${END}`);
  const rows = report.rows.filter(({ headline }) => headline === true);
  await writeFile(path, `${text.slice(0, begin)}${BEGIN}\n${asMarkdown(report, rows)}${text.slice(end)}`);
}
