/**
 * What a small file costs the NameNode: the calls of its writer (create, with the first block, and complete) and the reports of three DataNodes, which are stand-ins
 * that store nothing. A profile of the NameNode under this load shows nothing else (`--profile <directory>`).
 *
 *     npx tsx bench/small-file-calls.ts [--count 5000] [--concurrency 64] [--rounds 3] [--writing 0] [--profile <directory>] [--dir <directory on the disk to measure>]
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { connectService } from '../common/rpc/grpc-client.js';
import type { Block } from '../proto/generated/minihdfs/Block.js';
import { freeBasePort } from './cluster.js';
import { processorMs } from './processes.js';
import { concurrently } from './statistics.js';

const DFS = new URL('../bin/dfs.js', import.meta.url).pathname;
const BYTES = 4096;
const DATANODES = 3;
const REPORT_SPACING_MS = 5;
const HEARTBEAT_MS = 1000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Received {
  readonly block: Block;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Reports blocks as received, one report at a time. */
class ReportingDatanode {
  readonly uuid: string;
  readonly storageId: string;
  readonly #port: number;
  readonly #connection;
  #registrationId = '';
  #pending: Received[] = [];
  #isReporting = false;
  #timer: NodeJS.Timeout | undefined;
  reports = 0;

  constructor(namenode: string, index: number) {
    this.uuid = `00000000-0000-4000-9000-${String(index).padStart(12, '0')}`;
    this.storageId = `DS-${this.uuid}`;
    this.#port = 30_000 + 10 * index;
    this.#connection = connectService('DatanodeProtocol', namenode, { defaultTimeoutMs: 60_000, session: 'kept' });
  }

  async start(): Promise<void> {
    const id = { uuid: this.uuid, host: '127.0.0.1', dataPort: this.#port, rpcPort: this.#port + 1, httpPort: 0 };
    const request = { id, rack: `/rack${this.#port % 20}`, version: '0.1.0', clusterId: '', storages: [this.#storage] };
    this.#registrationId = (await this.#connection.client.Register(request)).registrationId;
    // Only a storage whose digest agrees counts: empty is what it is at first.
    await this.#heartbeat(Buffer.alloc(8));
    this.#timer = setInterval(() => void this.#heartbeat(Buffer.alloc(0)).catch(() => {}), HEARTBEAT_MS);
  }

  /** Resolves when the NameNode has been told. */
  received(block: Block): Promise<void> {
    const told = new Promise<void>((resolve, reject) => this.#pending.push({ block, resolve, reject }));
    if (!this.#isReporting) void this.#report();
    return told;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    while (this.#isReporting) await pause(REPORT_SPACING_MS);
    this.#connection.close();
  }

  /** One report at a time, as a DataNode's report loop does it. */
  async #report(): Promise<void> {
    this.#isReporting = true;
    while (this.#pending.length > 0) {
      const told = this.#pending;
      this.#pending = [];
      const { storageId, uuid: datanodeUuid } = this;
      const blocks = told.map(({ block }) => ({ kind: 'RECEIVED', block, storageId }) as const);
      const reportNumber = ++this.reports;
      const request = { datanodeUuid, registrationId: this.#registrationId, reportNumber, blocks };
      const report = this.#connection.client.BlockReceivedAndDeleted(request);
      for (const { resolve, reject } of told) report.then(() => resolve(), reject);
      await report.then(() => pause(REPORT_SPACING_MS));
    }
    this.#isReporting = false;
  }

  /** Without a digest later on, so that nobody asks for a full report. */
  async #heartbeat(digest: Buffer): Promise<void> {
    const sender = { datanodeUuid: this.uuid, registrationId: this.#registrationId };
    await this.#connection.client.Heartbeat({ ...sender, storages: [{ ...this.#storage, digest }], maxTransfers: 100 });
  }

  get #storage() {
    const space = { capacityBytes: 1e12, usedBytes: 0, remainingBytes: 1e12 };
    return { storageId: this.storageId, ...space, replicas: 0 };
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '5000' },
      concurrency: { type: 'string', default: '64' },
      rounds: { type: 'string', default: '3' },
      writing: { type: 'string', default: '0' },
      profile: { type: 'string' },
      dir: { type: 'string', default: process.cwd() },
    },
  });
  const [count, concurrency] = [Number(values.count), Number(values.concurrency)];
  const directory = await mkdtemp(join(values.dir, 'bench-calls-'));
  const port = await freeBasePort(0);
  const address = `127.0.0.1:${port}`;
  const settings = [
    `dfs.namenode.name.dir=${join(directory, 'name')}`,
    `dfs.namenode.rpc-address=${address}`,
    `dfs.namenode.http-address=127.0.0.1:${port + 1}`,
    'dfs.namenode.safemode.extension=0',
  ].flatMap((setting) => ['-D', setting]);
  const profile = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`];
  execFileSync(process.execPath, [DFS, 'namenode', '--format', ...settings], {
    stdio: 'ignore',
  });
  const namenode = spawn(process.execPath, [...profile, DFS, 'namenode', ...settings], {
    stdio: 'ignore',
  });
  try {
    await measure(namenode, address, count, concurrency, Number(values.rounds), Number(values.writing));
  } finally {
    const ended = once(namenode, 'exit');
    namenode.kill('SIGTERM');
    await ended;
    await rm(directory, { recursive: true });
  }
}

async function measure(
  namenode: ChildProcess,
  address: string,
  count: number,
  concurrency: number,
  rounds: number,
  writingMs: number,
): Promise<void> {
  const connection = connectService('ClientProtocol', address, { defaultTimeoutMs: 60_000, session: 'while-busy' });
  const { client } = connection;
  const [clientId, clientName] = [Buffer.alloc(16, 1), 'DFSClient_bench'];
  let callId = 0;
  const header = () => ({ user: userInfo().username, clientId, callId: ++callId });
  const datanodes = Array.from({ length: DATANODES }, (_, i) => new ReportingDatanode(address, i));
  const byUuid = new Map(datanodes.map((datanode) => [datanode.uuid, datanode]));
  const isUp = (): Promise<boolean> =>
    client.GetServerDefaults({ header: header() }).then(
      () => true,
      () => false,
    );
  while (!(await isUp())) await pause(20);
  for (const datanode of datanodes) await datanode.start();
  while ((await client.SetSafeMode({ header: header(), action: 'SAFE_MODE_GET' })).on) await pause(20);

  const write = async (path: string): Promise<void> => {
    const request = { path, clientName, mode: 0o644, createParent: true, withFirstBlock: true };
    const { status, firstBlock } = await client.Create({ header: header(), ...request });
    const file = { path, fileId: status?.fileId ?? 0, clientName };
    const block = { ...(firstBlock?.block as Block), numBytes: BYTES };
    const locations = firstBlock?.locations ?? [];
    if (writingMs > 0) await pause(writingMs * 2 * Math.random());
    const told = locations.map(({ datanode }) =>
      (byUuid.get(datanode?.uuid ?? '') as ReportingDatanode).received(block),
    );
    await Promise.race(told);
    while (!(await client.Complete({ header: header(), ...file, lastBlock: block })).complete) await pause(4);
  };
  for (let round = 0; round < rounds; round++) {
    const reportsBefore = datanodes.reduce((sum, { reports }) => sum + reports, 0);
    const before = await processorMs(namenode.pid as number);
    const { elapsedSeconds } = await concurrently(count, concurrency, (i) => write(`/round-${round}/f${i}`));
    const each = ((await processorMs(namenode.pid as number)) - before) / count;
    const reports = datanodes.reduce((sum, datanode) => sum + datanode.reports, 0) - reportsBefore;
    const rate = (count / elapsedSeconds).toFixed(0);
    console.log(
      `${each.toFixed(3)} ms of the NameNode a file; ${rate} files/s, ${(reports / count).toFixed(2)} reports a file`,
    );
  }
  for (const datanode of datanodes) await datanode.stop();
  connection.close();
}

await main();
