/**
 * Reading replicas on the same machine from their files against reading them over TCP, by turns in one process, on a cluster of real
 * processes on this machine.
 *
 *     npx tsx bench/local-reads.ts [--size 512] [--rounds 5] [--dir <directory on the disk to measure>]
 */
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { FileSystem } from '../client/index.js';
import { loadConfiguration } from '../common/config/configuration.js';
import { startBenchCluster } from './cluster.js';
import { asMarkdown, newReport } from './report.js';
import { concurrently, seconds, spread } from './statistics.js';

const MIB = 2 ** 20;
const READ_BYTES = 4096;
const CONCURRENCIES = [1, 32];
const READS = 4_000;
const PATH = '/local-reads';

const WAYS = { 'from the files': 'true', 'over TCP': 'false' } as const;
type Way = keyof typeof WAYS;

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '512' },
    rounds: { type: 'string', default: '5' },
    dir: { type: 'string', default: tmpdir() },
  },
});
const sizeMiB = Number(values.size);

async function write(fs: FileSystem): Promise<void> {
  const writer = await fs.create(PATH);
  const piece = Buffer.alloc(MIB, 'mini-hdfs');
  for (let i = 0; i < sizeMiB; i++) await writer.write(piece);
  await writer.close();
}

const samples = new Map<string, number[]>();

function note(what: string, sample: number): void {
  samples.set(what, [...(samples.get(what) ?? []), sample]);
}

async function measure(fs: FileSystem, way: Way): Promise<void> {
  const reader = await fs.open(PATH);
  const before = process.cpuUsage();
  const whole = await seconds(() => reader.copyTo(async () => {}));
  const { user, system } = process.cpuUsage(before);
  note(`whole file, ${way}, MiB/s`, sizeMiB / whole);
  note(`whole file, ${way}, processor time of the client for a GiB, s`, ((user + system) / 1e6) * (1024 / sizeMiB));
  for (const concurrency of CONCURRENCIES) {
    const { elapsedSeconds } = await concurrently(READS, concurrency, async () => {
      const at = Math.floor((Math.random() * reader.length) / READ_BYTES) * READ_BYTES;
      await reader.read(at, READ_BYTES);
    });
    note(`4 KiB anywhere, ${concurrency} at a time, ${way}, /s`, READS / elapsedSeconds);
  }
  await reader.close();
}

const cluster = await startBenchCluster(values.dir, 3, {});
try {
  const clients = await Promise.all(
    Object.entries(WAYS).map(async ([way, enabled]) => {
      const configuration = loadConfiguration({ overrides: { 'dfs.client.read.shortcircuit': enabled } });
      return { way: way as Way, fs: await FileSystem.connect({ namenode: cluster.namenode, configuration }) };
    }),
  );
  await write((clients[0] as { fs: FileSystem }).fs);
  for (let round = 0; round < Number(values.rounds); round++) for (const { fs, way } of clients) await measure(fs, way);
  await Promise.all(clients.map(({ fs }) => fs.close()));
} finally {
  await cluster.stop();
}
const report = newReport();
for (const [name, measured] of samples) {
  const [what, unit] = [name.slice(0, name.lastIndexOf(', ')), name.slice(name.lastIndexOf(', ') + 2)];
  report.rows.push({ what, unit, value: spread(measured) });
}
process.stdout.write(asMarkdown(report));
