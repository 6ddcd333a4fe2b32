/**
 * A NameNode with many files: how large, how long until it answers after a `kill -9`, and for how long other calls wait while it does something big.
 * The namespace is synthetic (synthetic-namespace.ts) and so are the DataNodes, which only register, send heartbeats and report.
 *
 *     npx tsx bench/scale.ts [--files 1000000] [--dir <directory on the disk to measure>]
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FileSystem } from '../client/index.js';
import { connectService } from '../common/rpc/grpc-client.js';
import type { DatanodeProtocolClient } from '../common/rpc/services.js';
import { HeartbeatingDatanodes } from './heartbeating-datanodes.js';
import { memoryMiB, processorMs } from './processes.js';
import { concurrently, percentile, seconds } from './statistics.js';
import {
  BLOCK,
  FILES_PER_DIRECTORY,
  fillNamespace,
  type SyntheticDatanode,
  type SyntheticNamespace,
} from './synthetic-namespace.js';

const DFS = new URL('../bin/dfs.js', import.meta.url).pathname;
const MILLION = 1_000_000;
const REPLICAS_PER_PART = 5000;
const HEARTBEAT_MS = 1000;
const MANY_DATANODES = 1000;
const HEARTBEATS_MS = 15_000;

const say = (what: string, value: string): void => console.log(`| ${what} | ${value} |`);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class Namenode {
  readonly address: string;
  readonly #settings: readonly string[];
  #child: ChildProcess | undefined;

  constructor(directory: string, port: number) {
    this.address = `127.0.0.1:${port}`;
    this.#settings = [
      `dfs.namenode.name.dir=${directory}`,
      `dfs.namenode.rpc-address=${this.address}`,
      `dfs.namenode.http-address=127.0.0.1:${port + 1}`,
      'dfs.namenode.safemode.extension=0',
    ].flatMap((setting) => ['-D', setting]);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  format(): void {
    execFileSync(process.execPath, [DFS, 'namenode', '--format', ...this.#settings], { stdio: 'ignore' });
  }

  start(): void {
    this.#child = spawn(process.execPath, [DFS, 'namenode', ...this.#settings], { stdio: 'ignore' });
  }

  async kill(): Promise<void> {
    const ended = once(this.#child as ChildProcess, 'exit');
    this.#child?.kill('SIGKILL');
    await ended;
  }

  /** A connection, as soon as there can be one. */
  async connect(): Promise<FileSystem> {
    for (;;) {
      try {
        const fs = await FileSystem.connect({ namenode: this.address });
        await fs.stat('/wide');
        return fs;
      } catch {
        await pause(20);
      }
    }
  }
}

/** Three DataNodes without data. */
class Datanodes {
  readonly #namespace: SyntheticNamespace;
  readonly #connection;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #registrations = new Map<string, string>();

  constructor(address: string, namespace: SyntheticNamespace) {
    this.#namespace = namespace;
    this.#connection = connectService('DatanodeProtocol', address, { defaultTimeoutMs: 60_000 });
  }

  get #rpc(): DatanodeProtocolClient {
    return this.#connection.client;
  }

  async start(clusterId: string): Promise<void> {
    for (const datanode of this.#namespace.datanodes) {
      const { uuid, port, rack } = datanode;
      const id = { uuid, host: '127.0.0.1', dataPort: port, rpcPort: port + 10, httpPort: port + 20 };
      const storages = [this.#storage(datanode)];
      const { registrationId } = await this.#rpc.Register({ id, rack, version: '0.1.0', clusterId, storages });
      this.#registrations.set(uuid, registrationId);
      const beat = (): void => void this.#heartbeat(datanode).catch(() => {});
      beat();
      this.#timers.push(setInterval(beat, HEARTBEAT_MS));
    }
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#connection.close();
  }

  /** Everything that the first one has, in parts. */
  async report(): Promise<void> {
    const [datanode] = this.#namespace.datanodes;
    if (datanode === undefined) return;
    const { firstBlock, blocks } = this.#namespace;
    for (let part = 0; part * REPLICAS_PER_PART < blocks; part++) {
      const start = part * REPLICAS_PER_PART;
      const count = Math.min(REPLICAS_PER_PART, blocks - start);
      await this.#rpc.BlockReport({
        datanodeUuid: datanode.uuid,
        registrationId: this.#registrations.get(datanode.uuid) ?? '',
        storageId: datanode.storageUuid,
        reportId: 1,
        part,
        lastPart: start + count === blocks,
        blockIds: Array.from({ length: count }, (_, i) => firstBlock + start + i),
        generationStamps: Array.from({ length: count }, () => BLOCK.generationStamp),
        lengths: Array.from({ length: count }, () => BLOCK.length),
      });
    }
  }

  async #heartbeat(datanode: SyntheticDatanode): Promise<void> {
    const registrationId = this.#registrations.get(datanode.uuid) ?? '';
    await this.#rpc.Heartbeat({ datanodeUuid: datanode.uuid, registrationId, storages: [this.#storage(datanode)] });
  }

  #storage({ storageUuid }: SyntheticDatanode) {
    const { blocks, digest } = this.#namespace;
    const usedBytes = blocks * BLOCK.length;
    const space = { capacityBytes: 2 * usedBytes + 1e12, usedBytes, remainingBytes: usedBytes + 1e12 };
    return { storageId: storageUuid, ...space, replicas: blocks, digest };
  }
}

/** Runs `work` while another client asks and asks again; says how long that had to wait. */
async function besideOthers(address: string, what: string, work: () => Promise<unknown>): Promise<void> {
  const other = await FileSystem.connect({ namenode: address });
  const waits: number[] = [];
  let over = false;
  const asking = (async () => {
    while (!over) {
      const start = performance.now();
      await other.stat('/data');
      waits.push(performance.now() - start);
      await pause(1);
    }
  })();
  const elapsed = await seconds(work);
  over = true;
  await asking;
  await other.close();
  const [p99, longest] = [percentile(waits, 0.99).toFixed(1), Math.max(...waits).toFixed(1)];
  say(what, `${elapsed.toFixed(1)} s; other calls wait at most ${longest} ms (p99 ${p99} ms, ${waits.length} calls)`);
}

async function manyDatanodes(namenode: Namenode, clusterId: string): Promise<void> {
  const many = new HeartbeatingDatanodes(namenode.address, MANY_DATANODES);
  try {
    await besideOthers(namenode.address, `${MANY_DATANODES} DataNodes register`, () => many.register(clusterId));
    const before = await processorMs(namenode.pid);
    const what = `${MANY_DATANODES} DataNodes send heartbeats every 3 s`;
    const elapsed = await seconds(() => besideOthers(namenode.address, what, () => many.beat(HEARTBEATS_MS)));
    const share = ((await processorMs(namenode.pid)) - before) / (10 * elapsed);
    say('… processor time of the NameNode, with those other calls', `${share.toFixed(0)} % of one`);
    say('… heartbeats sent, answered within', `${many.sent}, ${many.longestMs.toFixed(1)} ms`);
  } finally {
    many.close();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { files: { type: 'string', default: String(MILLION) }, dir: { type: 'string', default: process.cwd() } },
  });
  const files = Number(values.files);
  const wide = Math.min(MILLION, Math.floor(files / 4));
  const tree = Math.min(MILLION, Math.floor(files / 2));
  const shape = { data: files - wide - tree, tree, wide };
  const directory = await mkdtemp(join(values.dir, 'bench-scale-'));
  const namenode = new Namenode(directory, 33_400);
  console.log('| what | figure |\n| --- | --- |');
  say('files', files.toLocaleString('en-US'));
  let datanodes: Datanodes | undefined;
  try {
    namenode.format();
    let namespace: SyntheticNamespace | undefined;
    const database = join(directory, 'current', 'namespace.db');
    const loaded = await seconds(async () => (namespace = fillNamespace(database, shape)));
    if (namespace === undefined) throw new Error('nothing was loaded');
    say('synthetic load', `${loaded.toFixed(0)} s`);
    namenode.start();
    await (await namenode.connect()).close();
    await namenode.kill();
    say('database', `${((await stat(database)).size / 2 ** 20).toFixed(0)} MiB`);

    const startMs = performance.now();
    const since = (): string => `${((performance.now() - startMs) / 1000).toFixed(2)} s`;
    namenode.start();
    const fs = await namenode.connect();
    say('start after kill -9, to the first answer', since());
    datanodes = new Datanodes(namenode.address, namespace);
    await datanodes.start(fs.serverDefaults().clusterId);
    while ((await fs.safeMode('get')).on) await pause(50);
    say('start after kill -9, to the end of safe mode', since());

    const directories = Math.floor(shape.data / FILES_PER_DIRECTORY);
    const rate = await concurrently(20_000, 128, (i) =>
      fs.stat(`/data/directory-${(i * 104_729) % directories}/file-${String((i * 7919) % 1000).padStart(7, '0')}`),
    );
    say('stat of 20,000 files here and there, 128 at a time', `${(20_000 / rate.elapsedSeconds).toFixed(0)}/s`);
    await besideOthers(namenode.address, `listing the directory of ${wide} files`, async () => {
      let listed = 0;
      for await (const _ of fs.list('/wide')) listed++;
      if (listed !== wide) throw new Error(`${listed} files of ${wide} were listed`);
    });
    await besideOthers(namenode.address, `a full report of ${files} blocks`, () => (datanodes as Datanodes).report());
    await besideOthers(namenode.address, `deleting the tree of ${tree} files, to the answer`, () =>
      fs.delete('/tree', { recursive: true }),
    );
    await besideOthers(namenode.address, `deleting the tree of ${tree} files, until all is taken apart`, async () => {
      while ((await fs.stats()).files > files - tree) await pause(50);
    });
    await manyDatanodes(namenode, fs.serverDefaults().clusterId);
    const { now, peak } = await memoryMiB(namenode.pid);
    say('memory of the NameNode', `${now.toFixed(0)} MiB, at most ${peak.toFixed(0)} MiB`);
    await fs.close();
  } finally {
    datanodes?.stop();
    await namenode.kill();
    await rm(directory, { recursive: true });
  }
}

await main();
