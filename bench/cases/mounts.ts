/** What programs get from our mount, by turns with the peer's: see mounted.ts. */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { BenchContext } from '../context.js';
import { type Row, rowOf } from '../report.js';
import { MIB, makeFile } from './large-file.js';
import { type Figure, type MountedInputs, prepareMountedInputs } from './mounted.js';

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('../load/mounted-process.ts', import.meta.url));

const RUN_TIMEOUT_MS = 900_000;

async function figuresOf(entry: readonly string[], mounted: string, inputs: MountedInputs): Promise<Figure[]> {
  const node = [process.execPath, '--import', import.meta.resolve('tsx'), SCRIPT];
  const [command, ...args] = [...entry, ...node, mounted, JSON.stringify(inputs)];
  return JSON.parse((await run(command, args, { timeout: RUN_TIMEOUT_MS })).stdout) as Figure[];
}

/** Fewer rounds than the rest: one takes minutes. */
export async function mounts(context: BenchContext): Promise<Row[]> {
  if (process.getuid?.() !== 0) {
    console.error('mount: left out, a mount needs root');
    return [];
  }
  const { sizeMiB, rounds, archiveFiles } = context.options;
  const { cluster } = await context.shared();
  const scratch = join(cluster.dir, 'inputs');
  await mkdir(scratch);
  const large = join(scratch, 'source.bin');
  await makeFile(large, sizeMiB * MIB);
  const inputs = await prepareMountedInputs(scratch, large, sizeMiB, archiveFiles);
  const mount = await context.take(cluster.mount('mounted'));
  const { peer } = context;
  const runs: { ours: Figure[][]; peer: Figure[][] } = { ours: [], peer: [] };
  for (let round = 0; round < Math.max(1, rounds - 2); round++) {
    await context.settle();
    runs.ours.push(await figuresOf([], mount.directory, inputs));
    await context.settle();
    if (peer !== undefined) runs.peer.push(await figuresOf(peer.inside.entry, peer.inside.mounted, inputs));
  }
  await context.stop(mount);
  const samples = (of: readonly Figure[][], i: number): number[] =>
    of.map((figures) => figures[i]?.value ?? Number.NaN);
  return (runs.ours[0] ?? []).map(({ what, unit }, i) =>
    rowOf(
      `mount: ${what.trim()}`,
      unit,
      { ours: samples(runs.ours, i), peer: samples(runs.peer, i) },
      { headline: true },
    ),
  );
}
