import { humanSize } from '../../../common/units.js';
import { percent } from '../format.js';
import { Table } from '../table.js';
import { defineVerb, jsonOption } from '../verb.js';

export const verb = defineVerb<{ readonly humanReadable?: true; readonly json?: true }>({
  define(command) {
    command
      .description('Show the capacity, the used and the free space of the cluster, all replicas counted.')
      .argument('[path...]')
      .option('-h, --human-readable', 'sizes as 1.5 K, 128 M')
      .addOption(jsonOption());
  },
  async run(session, args, options) {
    const paths = args.length === 0 ? [session.path('/')] : args.map((arg) => session.path(arg));
    const rows = new Map<string, { capacityBytes: number; usedBytes: number; remainingBytes: number }>();
    for (const path of paths) {
      const { capacityBytes, usedBytes, remainingBytes } = await (await session.fs(path)).stats();
      rows.set(`hdfs://${path.namenode ?? session.namenode}`, { capacityBytes, usedBytes, remainingBytes });
    }
    if (options.json) {
      const list = [...rows].map(([filesystem, sizes]) => ({ filesystem, ...sizes }));
      await session.out.line(JSON.stringify(list, null, 2));
      return;
    }
    const size = (bytes: number): string => (options.humanReadable ? humanSize(bytes) : String(bytes));
    const right = { align: 'right' } as const;
    const table = new Table(session.out, [{ align: 'left' }, right, right, right, right]);
    await table.row(['Filesystem', 'Size', 'Used', 'Available', 'Use%']);
    for (const [name, { capacityBytes, usedBytes, remainingBytes }] of rows) {
      await table.row([
        name,
        size(capacityBytes),
        size(usedBytes),
        size(remainingBytes),
        percent(usedBytes, capacityBytes, 0),
      ]);
    }
    await table.print();
  },
});
