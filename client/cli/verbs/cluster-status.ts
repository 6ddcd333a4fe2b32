import { type DirectoryOption, directoryOption, openCluster } from '../cluster-options.js';
import { Table } from '../table.js';
import { defineVerb, jsonOption } from '../verb.js';

interface Options extends DirectoryOption {
  readonly json?: true;
}

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description('Show the processes of a cluster on this machine.')
      .addOption(directoryOption())
      .addOption(jsonOption());
  },
  async run(session, _args, options) {
    const cluster = await openCluster(session, options);
    const status = await cluster.status();
    if (options.json) {
      await session.out.line(JSON.stringify(status, null, 2));
      return;
    }
    const left = { align: 'left' } as const;
    const table = new Table(session.out, [left, left, left, left, left]);
    const life = (alive: boolean): string => (alive ? 'running' : 'not running');
    const { namenode, datanodes } = status;
    await table.row(['NameNode', life(namenode.alive), pidText(namenode.pid), namenode.rpc, `http://${namenode.http}`]);
    for (const [i, { pid, address, rack, dataDir, alive }] of datanodes.entries()) {
      await table.row([`DataNode ${i + 1}`, life(alive), pidText(pid), address, `${rack} ${dataDir}`]);
    }
    await table.print();
  },
});

function pidText(pid: number | null): string {
  return pid === null ? '' : `pid ${pid}`;
}
