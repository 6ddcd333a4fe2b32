/** The command line of each process of a cluster on one machine, and what tells such a process from others. */
import { join } from 'node:path';
import { type ClusterLayout, type DatanodeLayout, HOST } from './layout.js';
import { DFS_SCRIPT } from './package-root.js';

/** One process of the cluster. */
export interface ClusterNode {
  readonly kind: 'namenode' | 'datanode';
  /** `namenode`, `datanode-2`: names its directory, its log and its pid file. */
  readonly name: string;
  /** For people: `NameNode`, `DataNode 2`. */
  readonly title: string;
  /** Absolute. */
  readonly dataDirectory: string;
  /** Arguments of `node`. */
  readonly command: readonly string[];
  /** An argument that no other process has. */
  readonly identity: string;
  /** What each port is for, in words, and its number. */
  readonly ports: readonly (readonly [purpose: string, port: number])[];
}

export function namenodeOf(directory: string, layout: ClusterLayout): ClusterNode {
  const dataDirectory = join(directory, 'namenode');
  const { rpcPort, httpPort } = layout.namenode;
  const identity = `dfs.namenode.name.dir=${dataDirectory}`;
  const own = [
    identity,
    `dfs.namenode.rpc-address=${HOST}:${rpcPort}`,
    `dfs.namenode.http-address=${HOST}:${httpPort}`,
  ];
  return {
    kind: 'namenode',
    name: 'namenode',
    title: 'NameNode',
    dataDirectory,
    identity,
    command: [DFS_SCRIPT, 'namenode', ...settingArguments(layout, own)],
    ports: [
      ['RPC', rpcPort],
      ['HTTP', httpPort],
    ],
  };
}

export function datanodeOf(directory: string, layout: ClusterLayout, datanode: DatanodeLayout): ClusterNode {
  const { index, rack, dataPort, rpcPort, httpPort } = datanode;
  const name = `datanode-${index}`;
  const dataDirectory = join(directory, name);
  const identity = `dfs.datanode.data.dir=${dataDirectory}`;
  const own = [
    identity,
    `dfs.datanode.address=${HOST}:${dataPort}`,
    `dfs.datanode.ipc.address=${HOST}:${rpcPort}`,
    `dfs.datanode.http.address=${HOST}:${httpPort}`,
    `dfs.datanode.rack=${rack}`,
    `dfs.namenode.rpc-address=${HOST}:${layout.namenode.rpcPort}`,
  ];
  return {
    kind: 'datanode',
    name,
    title: `DataNode ${index}`,
    dataDirectory,
    identity,
    command: [DFS_SCRIPT, 'datanode', ...settingArguments(layout, own)],
    ports: [
      ['data', dataPort],
      ['RPC', rpcPort],
      ['HTTP', httpPort],
    ],
  };
}

/** The command that makes the NameNode's directory, whatever is in it. */
export function formatCommand(namenode: ClusterNode): readonly string[] {
  const [script = '', verb = '', ...rest] = namenode.command;
  return [script, verb, '--format', '--force', ...rest];
}

function settingArguments(layout: ClusterLayout, own: readonly string[]): string[] {
  const given = Object.entries(layout.settings).map(([name, value]) => `${name}=${value}`);
  return [...given, ...own].flatMap((setting) => ['-D', setting]);
}
