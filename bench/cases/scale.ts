/**
 * A NameNode with many files: how large, how long until it answers after a `kill -9`, and for how long other calls wait while it does something big.
 * The namespace is synthetic (synthetic-namespace.ts) and so are the DataNodes, which only register, send heartbeats and report.
 */
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileSystem } from '../../client/index.js';
import type { BenchContext } from '../context.js';
import { HeartbeatingDatanodes } from '../heartbeating-datanodes.js';
import { memoryMiB, processorMs } from '../processes.js';
import { type Row, rowOf } from '../report.js';
import { LoneNamenode } from '../scale-namenode.js';
import { concurrently, percentile, seconds } from '../statistics.js';
import { SyntheticDatanodes } from '../synthetic-datanodes.js';
import { FILES_PER_DIRECTORY, fillNamespace, type Shape } from '../synthetic-namespace.js';
import type { Stoppable } from '../tear-down.js';

const MILLION = 1_000_000;
const MANY_DATANODES = 1000;
const HEARTBEATS_MS = 15_000;
const STATS = 20_000;

const SYNTHETIC = 'loaded and reported synthetically';

const inWords = (count: number): string => count.toLocaleString('en-US');

/** Rows of one run, and the longest that any other call had to wait. */
class Findings {
  readonly rows: Row[] = [];
  #longestMs = 0;

  add(what: string, unit: string, value: number, note = SYNTHETIC, headline = false): void {
    this.rows.push(rowOf(what, unit, { ours: [value] }, { note, headline }));
  }

  /** Runs `work` while another client asks and asks again; says how long both took. */
  async besideOthers(address: string, what: string, work: () => Promise<unknown>): Promise<void> {
    const other = await FileSystem.connect({ namenode: address });
    const waits: number[] = [];
    let over = false;
    const asking = (async () => {
      while (!over) {
        const start = performance.now();
        await other.stat('/data');
        waits.push(performance.now() - start);
        await sleep(1);
      }
    })();
    const elapsed = await seconds(work).finally(() => (over = true));
    await asking;
    await other.close();
    this.add(what, 's', elapsed);
    const [p99, longest] = [percentile(waits, 0.99), Math.max(...waits)];
    const note = `p99 ${p99.toFixed(1)} ms of ${waits.length} calls, one after the other`;
    this.add(`${what}: other calls meanwhile wait at most`, 'ms', longest, note);
    this.#longestMs = Math.max(this.#longestMs, longest);
  }

  /** The rows, with the one of all that was done beside other calls. */
  finish(): Row[] {
    this.add('longest pause of other calls during all of that', 'ms', this.#longestMs, SYNTHETIC, true);
    return this.rows;
  }
}

function shapeOf(files: number): Shape {
  const wide = Math.min(MILLION, Math.floor(files / 4));
  const tree = Math.min(MILLION, Math.floor(files / 2));
  return { data: files - wide - tree, tree, wide };
}

/** Loads a namespace, kills the NameNode that has opened it, and starts it again until it has left safe mode. */
async function restart(
  context: BenchContext,
  namenode: LoneNamenode,
  shape: Shape,
  findings: Findings,
): Promise<{ fs: FileSystem; client: Stoppable; datanodes: SyntheticDatanodes }> {
  const namespace = fillNamespace(namenode.databasePath, shape);
  namenode.start();
  await (await namenode.connect('/wide')).close();
  await namenode.kill();
  findings.add('database of the NameNode', 'MiB', (await stat(namenode.databasePath)).size / 2 ** 20);
  const startMs = performance.now();
  const since = (): number => (performance.now() - startMs) / 1000;
  namenode.start();
  const fs = await namenode.connect('/wide');
  const client = await context.take(Promise.resolve({ stop: () => fs.close() }));
  findings.add('start after kill -9, to the first answer', 's', since(), SYNTHETIC, true);
  const datanodes = await context.take(Promise.resolve(new SyntheticDatanodes(namenode.address, namespace)));
  await datanodes.start(fs.serverDefaults().clusterId);
  while ((await fs.safeMode('get')).on) await sleep(50);
  findings.add('start after kill -9, to the end of safe mode', 's', since(), SYNTHETIC, true);
  return { fs, client, datanodes };
}

async function statHereAndThere(fs: FileSystem, { data }: Shape, findings: Findings): Promise<void> {
  const directories = Math.floor(data / FILES_PER_DIRECTORY);
  const nameOf = (i: number): string =>
    `/data/directory-${(i * 104_729) % directories}/file-${String((i * 7919) % FILES_PER_DIRECTORY).padStart(7, '0')}`;
  const { elapsedSeconds } = await concurrently(STATS, 128, (i) => fs.stat(nameOf(i)));
  findings.add(`stat of ${inWords(STATS)} files here and there, 128 at a time`, '/s', STATS / elapsedSeconds);
}

async function list(fs: FileSystem, directory: string, expected: number): Promise<void> {
  let listed = 0;
  for await (const _ of fs.list(directory)) listed++;
  if (listed !== expected) throw new Error(`${listed} files of ${expected} were listed`);
}

async function manyDatanodes(namenode: LoneNamenode, clusterId: string, findings: Findings): Promise<void> {
  const many = new HeartbeatingDatanodes(namenode.address, MANY_DATANODES);
  try {
    await findings.besideOthers(namenode.address, `${inWords(MANY_DATANODES)} DataNodes register`, () =>
      many.register(clusterId),
    );
    const before = await processorMs(namenode.pid);
    const what = `${inWords(MANY_DATANODES)} DataNodes send heartbeats every 3 s`;
    const elapsed = await seconds(() => findings.besideOthers(namenode.address, what, () => many.beat(HEARTBEATS_MS)));
    const share = ((await processorMs(namenode.pid)) - before) / (10 * elapsed);
    findings.add(`${what}: processor time of the NameNode`, '%', share, 'of one processor, with the other calls');
    findings.add(`${what}: answered within, at most`, 'ms', many.longestMs, `${many.sent} heartbeats`);
  } finally {
    many.close();
  }
}

export async function scale(context: BenchContext): Promise<Row[]> {
  const { dir, scaleFiles: files } = context.options;
  const findings = new Findings();
  const namenode = await context.take(LoneNamenode.format(dir));
  const { address } = namenode;
  const shape = shapeOf(files);
  const { fs, client, datanodes } = await restart(context, namenode, shape, findings);
  await statHereAndThere(fs, shape, findings);
  await findings.besideOthers(address, `listing the directory of ${inWords(shape.wide)} files`, () =>
    list(fs, '/wide', shape.wide),
  );
  await findings.besideOthers(address, `a full report of ${inWords(files)} blocks`, () => datanodes.report());
  await findings.besideOthers(address, `deleting the tree of ${inWords(shape.tree)} files, to the answer`, () =>
    fs.delete('/tree', { recursive: true }),
  );
  await findings.besideOthers(
    address,
    `deleting the tree of ${inWords(shape.tree)} files, until all is taken apart`,
    async () => {
      while ((await fs.stats()).files > files - shape.tree) await sleep(50);
    },
  );
  await manyDatanodes(namenode, fs.serverDefaults().clusterId, findings);
  findings.add('memory of the NameNode, at most', 'MiB', (await memoryMiB(namenode.pid)).peak, SYNTHETIC, true);
  for (const started of [datanodes, client, namenode]) await context.stop(started);
  return findings.finish().map((row) => ({ ...row, what: `${inWords(files)} files: ${row.what}` }));
}
