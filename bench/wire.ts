/**
 * How fast packets go over the data plane's channels on this machine, without disks and DataNodes: a client computes checksums
 * and sends over loopback TCP, a receiver parses and verifies; with forwarding, a second process stands between them, as the
 * nodes of a pipeline do. Each part is a process of its own.
 *
 *     npx tsx bench/wire.ts [--mib 512] [--runs 5]
 *
 * Prints MiB/s (median of the runs) and the processor time that each process takes for one GiB, which says more than the
 * speed where others use the machine too.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ByteReader } from '../common/byte-reader.js';
import type { Channel } from '../common/channel.js';
import { type ChecksumSpec, computeChecksums, verifyChecksums } from '../common/checksum.js';
import {
  DEFAULT_PACKET_LIMITS,
  encodeAck,
  encodePacket,
  type ReceivedPacket,
  readAck,
  readPacket,
} from '../common/packet.js';
import { Status } from '../common/status.js';
import { tcpNetwork } from '../common/tcp-channel.js';

const MIB = 1024 * 1024;
const TIMEOUT_MS = 30_000;
const HOST = '127.0.0.1';
const PACKET_SIZES = [64 * 1024, 128 * 1024, 256 * 1024, 512 * 1024, MIB];
const CHUNK_SIZES = [512, 4096, 65536];

/** What a server process is told before each run. */
interface Assignment {
  readonly spec: ChecksumSpec;
  /** Where to forward to; undefined for the last one. */
  readonly nextPort: number | undefined;
}

interface Report {
  readonly cpuMs: number;
}

async function serve(): Promise<void> {
  let assignment: Assignment | undefined;
  const listener = await tcpNetwork.listen(HOST, 0, (channel) => {
    if (assignment === undefined) throw new Error('connected before the assignment');
    const before = process.cpuUsage();
    void receive(channel, assignment).then(() => {
      process.send?.({ cpuMs: cpuMsSince(before) } satisfies Report);
    });
  });
  process.on('message', (message: Assignment) => {
    assignment = message;
    process.send?.('ready');
  });
  process.on('disconnect', () => process.exit());
  process.send?.(listener.port);
}

/** Receives one block as a DataNode does: forwards each packet or, at the end of the pipeline, verifies it; acknowledges it. */
async function receive(channel: Channel, { spec, nextPort }: Assignment): Promise<void> {
  const reader = new ByteReader(channel);
  if (nextPort === undefined) {
    for (let last = false; !last; ) {
      const packet = await readPacket(reader, DEFAULT_PACKET_LIMITS, TIMEOUT_MS);
      if (verifyChecksums(spec, packet.data, packet.checksums) !== -1) throw new Error('a bad checksum');
      packet.release();
      last = packet.last;
      await channel.write([encodeAck({ seqno: packet.seqno, reply: [Status.SUCCESS] })], TIMEOUT_MS);
    }
  } else {
    const next = await tcpNetwork.connect(HOST, nextPort, { timeoutMs: TIMEOUT_MS });
    const underWay: ReceivedPacket[] = [];
    await Promise.all([forward(reader, next, underWay), passAcksOn(next, channel, underWay)]);
    next.end();
  }
  channel.end();
}

async function forward(reader: ByteReader, next: Channel, underWay: ReceivedPacket[]): Promise<void> {
  for (;;) {
    const packet = await readPacket(reader, DEFAULT_PACKET_LIMITS, TIMEOUT_MS);
    underWay.push(packet);
    await next.write(packet.wire, TIMEOUT_MS);
    if (packet.last) return;
  }
}

async function passAcksOn(next: Channel, channel: Channel, underWay: ReceivedPacket[]): Promise<void> {
  const acks = new ByteReader(next);
  for (;;) {
    const ack = await readAck(acks, TIMEOUT_MS);
    const packet = underWay.shift();
    if (ack === null || packet === undefined) throw new Error('no ack, or one too many');
    packet.release();
    await channel.write([encodeAck({ seqno: ack.seqno, reply: [Status.SUCCESS, ...ack.reply] })], TIMEOUT_MS);
    if (packet.last) return;
  }
}

async function send(port: number, spec: ChecksumSpec, packetSize: number, totalBytes: number): Promise<void> {
  const channel = await tcpNetwork.connect(HOST, port, { timeoutMs: TIMEOUT_MS });
  const packets = totalBytes / packetSize;
  const acknowledged = awaitAcks(new ByteReader(channel), packets + 1);
  const data = [Buffer.alloc(packetSize, 'mini-hdfs')];
  for (let seqno = 0; seqno < packets; seqno++) {
    const checksums = computeChecksums(spec, data);
    const fields = { offsetInBlock: seqno * packetSize, seqno, last: false, sync: false };
    await channel.write(encodePacket({ ...fields, checksums, data, dataLength: packetSize }), TIMEOUT_MS);
  }
  const end = { offsetInBlock: totalBytes, seqno: packets, last: true, sync: false };
  await channel.write(encodePacket({ ...end, checksums: Buffer.alloc(0), data: [], dataLength: 0 }), TIMEOUT_MS);
  await acknowledged;
  channel.end();
}

async function awaitAcks(reader: ByteReader, count: number): Promise<void> {
  for (let acks = 0; acks < count; acks++) await readAck(reader, TIMEOUT_MS);
}

interface Node {
  readonly process: ChildProcess;
  readonly port: number;
}

async function startNode(): Promise<Node> {
  const child = fork(fileURLToPath(import.meta.url), ['--serve'], { execArgv: process.execArgv });
  const [port] = (await once(child, 'message')) as [number];
  return { process: child, port };
}

interface Measured {
  readonly mibPerSecond: number;
  /** Processor milliseconds for a GiB: of the client, then of each node. */
  readonly cpuMsPerGib: readonly number[];
}

async function measure(nodes: readonly Node[], spec: ChecksumSpec, packetSize: number, mib: number): Promise<Measured> {
  for (const [index, node] of nodes.entries()) {
    const ready = once(node.process, 'message');
    node.process.send({ spec, nextPort: nodes[index + 1]?.port } satisfies Assignment);
    await ready;
  }
  const reports = Promise.all(nodes.map((node) => once(node.process, 'message') as Promise<[Report]>));
  const before = process.cpuUsage();
  const startMs = performance.now();
  await send(nodes[0]?.port ?? 0, spec, packetSize, mib * MIB);
  const seconds = (performance.now() - startMs) / 1000;
  const cpuMs = [cpuMsSince(before), ...(await reports).map(([report]) => report.cpuMs)];
  return { mibPerSecond: mib / seconds, cpuMsPerGib: cpuMs.map((ms) => (ms * 1024) / mib) };
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

async function main(mib: number, runs: number): Promise<void> {
  const nodes = [await startNode(), await startNode()];
  console.log('path               packet   chunk    MiB/s   processor ms/GiB: client, nodes');
  for (const [name, path] of [
    ['client -> node', nodes.slice(1)],
    ['client -> 2 nodes', nodes],
  ] as const) {
    for (const packetSize of PACKET_SIZES) {
      for (const bytesPerChecksum of CHUNK_SIZES) {
        const results: Measured[] = [];
        for (let run = 0; run < runs; run++) {
          results.push(await measure(path, { type: 'CRC32C', bytesPerChecksum }, packetSize, mib));
        }
        const speed = median(results.map((result) => result.mibPerSecond));
        const cpu = [0, ...path].map((_, i) => median(results.map((result) => result.cpuMsPerGib[i] ?? 0)));
        console.log(
          `${name.padEnd(18)} ${`${packetSize / 1024}k`.padStart(6)} ${String(bytesPerChecksum).padStart(7)} ` +
            `${speed.toFixed(0).padStart(8)}   ${cpu.map((ms) => ms.toFixed(0)).join(', ')}`,
        );
      }
    }
  }
  for (const node of nodes) node.process.disconnect();
}

const { values } = parseArgs({
  options: {
    serve: { type: 'boolean', default: false },
    mib: { type: 'string', default: '512' },
    runs: { type: 'string', default: '5' },
  },
});
if (values.serve) await serve();
else await main(Number(values.mib), Number(values.runs));
