/** Memory of every process of the shared cluster, after what the cases before have done. */

import type { BenchContext } from '../context.js';
import { memoryMiB } from '../processes.js';
import type { Row } from '../report.js';
import { single } from '../statistics.js';

export async function memory(context: BenchContext): Promise<Row[]> {
  const { cluster } = await context.shared();
  const { namenode, datanodes } = await cluster.status();
  const processes = [
    { name: 'NameNode', pid: namenode.pid },
    ...datanodes.map(({ pid }, i) => ({ name: `DataNode ${i + 1}`, pid })),
    { name: 'SDK client (this bench)', pid: process.pid },
  ];
  const rows: Row[] = [];
  for (const { name, pid } of processes) {
    const { now, peak } = await memoryMiB(pid);
    const note = `peak ${Math.round(peak)} MiB`;
    rows.push({ what: `memory of the ${name}`, unit: 'MiB', value: single(now), note, headline: true });
  }
  return rows;
}
