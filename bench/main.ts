/**
 * `npm run bench [-- --peer moosefs|glusterfs --dir DIR --size MIB --rounds N --only CASE,…]`: measures a cluster of real processes on this
 * machine, by turns with the peer, prints a table and writes it, with a JSON file, to bench/results/ and its headlines to the README. A run of
 * some cases only (`--only`) prints and writes its JSON file, nothing else.
 */
import { parseArgs } from 'node:util';
import { callsBesideEmptyOnes } from './cases/calls.js';
import { memory } from './cases/memory.js';
import { metadata } from './cases/metadata.js';
import { mounts } from './cases/mounts.js';
import { randomReads } from './cases/random-reads.js';
import { repair } from './cases/repair.js';
import { scale } from './cases/scale.js';
import { smallFiles } from './cases/small-files.js';
import { coldCommand, firstStart } from './cases/start.js';
import { syncOnClose } from './cases/sync-on-close.js';
import { parallelThroughput, throughput } from './cases/throughput.js';
import { BenchContext, type BenchOptions } from './context.js';
import { PEER_NAMES, type PeerName, startPeer } from './peers/peer.js';
import { asMarkdown, newReport, type Report, type Row, writeJson, writeLatest, writeReadme } from './report.js';
import { TearDown } from './tear-down.js';

const CASES: Record<string, (context: BenchContext) => Promise<Row[]>> = {
  throughput,
  memory,
  parallel: parallelThroughput,
  files: smallFiles,
  metadata,
  calls: callsBesideEmptyOnes,
  reads: randomReads,
  mount: mounts,
  sync: syncOnClose,
  repair,
  scale,
  ls: coldCommand,
  start: firstStart,
};

const USAGE = `npm run bench -- [options]
  --peer NAME     measure ${PEER_NAMES.join(' or ')} by turns with ours (root; Debian 12's packages are fetched for the run)
  --dir DIR       where all data goes: the disk to measure (here)
  --only A,B      some cases only: ${Object.keys(CASES).join(', ')}
  --rounds N      turns of each (3)
  --size MIB      of a large file (1024)
  --files N       files of 4 KiB at each concurrency (10000)
  --medium N      files of 1 MiB at each concurrency (1000)
  --archive N     files that are unpacked in the mounts (2000)
  --scale N       files of the namespace that shows how the NameNode scales (1000000)
  --turn SECONDS  after which a turn of many files ends, with what was done by then (6)`;

interface Request {
  readonly options: BenchOptions;
  readonly peer: PeerName | undefined;
  readonly cases: readonly string[];
  readonly complete: boolean;
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} ${text}: a whole number from 1 on is expected`);
  return value;
}

/** @throws {Error} naming the argument that is not understood. */
function readArguments(): Request {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      peer: text,
      dir: { ...text, default: process.cwd() },
      only: text,
      rounds: { ...text, default: '3' },
      size: { ...text, default: '1024' },
      files: { ...text, default: '10000' },
      medium: { ...text, default: '1000' },
      archive: { ...text, default: '2000' },
      scale: { ...text, default: '1000000' },
      turn: { ...text, default: '6' },
    },
  });
  const peer = PEER_NAMES.find((name) => name === values.peer);
  if (values.peer !== undefined && peer === undefined) throw new Error(`--peer ${values.peer}: no such peer`);
  const cases = values.only === undefined ? Object.keys(CASES) : values.only.split(',');
  const unknown = cases.find((name) => !(name in CASES));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: no such case`);
  const options: BenchOptions = {
    dir: values.dir,
    sizeMiB: wholeNumber('size', values.size),
    rounds: wholeNumber('rounds', values.rounds),
    smallFiles: wholeNumber('files', values.files),
    mediumFiles: wholeNumber('medium', values.medium),
    archiveFiles: wholeNumber('archive', values.archive),
    scaleFiles: wholeNumber('scale', values.scale),
    turnMs: 1000 * wholeNumber('turn', values.turn),
  };
  return { options, peer, cases, complete: values.only === undefined };
}

async function measure({ options, peer: peerName, cases }: Request, tearDown: TearDown): Promise<Report> {
  const report = newReport(options.dir);
  const begun = performance.now();
  const peer = peerName === undefined ? undefined : await tearDown.take(startPeer(peerName, options.dir));
  if (peer !== undefined) report.peer = peer.name;
  const context = new BenchContext(options, peer, tearDown);
  for (const name of cases) {
    const caseBegun = performance.now();
    try {
      const rows = (await CASES[name]?.(context)) ?? [];
      report.rows.push(...rows);
      console.error(`${name}: ${((performance.now() - caseBegun) / 1000).toFixed(0)} s`);
      console.error(
        asMarkdown(report, rows)
          .split('\n')
          .slice(4 + report.failed.length)
          .join('\n'),
      );
    } catch (error) {
      if (tearDown.isOver) throw error;
      const reason = `${name}: ${(error as Error).message}`;
      report.failed.push(reason);
      console.error(`failed: ${reason}`);
    }
  }
  report.minutes = (performance.now() - begun) / 60_000;
  return report;
}

async function write(report: Report, { peer, complete }: Request): Promise<void> {
  const results = new URL('./results', import.meta.url).pathname;
  console.log(asMarkdown(report));
  console.log(`written to ${await writeJson(report, results)}`);
  if (report.failed.length > 0) process.exitCode = 1;
  if (!complete) return;
  await writeLatest(report, results, peer);
  if (peer === 'moosefs') await writeReadme(report, new URL('../README.md', import.meta.url).pathname);
}

async function main(): Promise<void> {
  const request = readArguments();
  const tearDown = new TearDown();
  let ending = false;
  const end = (why: string): void => {
    if (ending) return; // also what fails because it is being stopped
    ending = true;
    console.error(`bench: ${why}: stopping what was started`);
    void tearDown.stopAll().then(() => process.exit(1));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(signal));
  process.on('uncaughtException', (error) => end(error.message));
  try {
    const report = await measure(request, tearDown);
    await write(report, request);
  } catch (error) {
    if (!ending) throw error;
  } finally {
    if (!ending) await tearDown.stopAll();
  }
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  if (error instanceof TypeError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS'))
    console.error(USAGE);
  process.exitCode = 1;
}
