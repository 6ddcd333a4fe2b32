/** The bench's result: rows for a table and for a JSON file, with the machine they were measured on. */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Spread } from './statistics.js';

export interface Row {
  readonly what: string;
  /** What `value` counts: "MiB/s", "calls/s", "ms", "s", "MiB", "ratio". */
  readonly unit: string;
  readonly value: Spread;
  readonly note?: string;
}

export interface Report {
  readonly startedAt: string;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryGiB: number; readonly node: string };
  readonly rows: Row[];
}

export function newReport(): Report {
  const processors = cpus();
  return {
    startedAt: new Date().toISOString(),
    machine: {
      cpu: processors[0]?.model ?? 'unknown',
      cores: processors.length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      node: process.version,
    },
    rows: [],
  };
}

const digits = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);

/** One value measured once. */
export const single = (value: number): Spread => ({ min: value, median: value, max: value });

export function asMarkdown(report: Report): string {
  const { cpu, cores, memoryGiB, node } = report.machine;
  const lines = report.rows.map(({ what, unit, value, note }) => {
    const range = value.min === value.max ? '' : `${digits(value.min)} – ${digits(value.max)}`;
    return `| ${what} | ${digits(value.median)} ${unit} | ${range} | ${note ?? ''} |`;
  });
  return [
    `Measured ${report.startedAt.slice(0, 10)} on ${cores} cores (${cpu}), ${memoryGiB} GiB, Node ${node}.`,
    '',
    '| what | median | min – max | note |',
    '| --- | --- | --- | --- |',
    ...lines,
    '',
  ].join('\n');
}

/** Writes `latest.md` and a JSON file named for the time into `directory`; returns the JSON file's path. */
export async function writeReport(report: Report, directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, `${report.startedAt.replaceAll(/[:.]/g, '-')}.json`);
  await writeFile(path, `${JSON.stringify(report, undefined, 2)}\n`);
  await writeFile(join(directory, 'latest.md'), asMarkdown(report));
  return path;
}
