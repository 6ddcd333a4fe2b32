/** What the verbs of `dfs cluster` share. */

import { relative, resolve } from 'node:path';
import { Option } from 'commander';
import { LocalCluster, type StartResult } from '../cluster/local-cluster.js';
import { UsageError } from './errors.js';
import type { Session } from './session.js';

const DEFAULT_DIRECTORY = 'data';
const DEFAULT_NAMENODE = '127.0.0.1:8020';

/** Time to stop all processes of a cluster in order. */
export const CLUSTER_CLEAN_UP_MS = 40_000;

export interface DirectoryOption {
  readonly dir: string;
}

export function directoryOption(): Option {
  return new Option('--dir <directory>', 'the directory of the cluster').default(DEFAULT_DIRECTORY, './data');
}

export function clusterDirectory(session: Session, { dir }: DirectoryOption): string {
  return resolve(session.environment.workingDirectory, dir);
}

export async function openCluster(session: Session, options: DirectoryOption): Promise<LocalCluster> {
  return await LocalCluster.open(clusterDirectory(session, options), session.environment.clock);
}

/** A whole number within bounds, given as text on the command line. @throws UsageError */
export function wholeNumber(flag: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(`${flag} takes a whole number from ${min} to ${max}, not '${text}'.`);
}

export async function printStarted(session: Session, { started, safeMode }: StartResult): Promise<void> {
  for (const { node, pid } of started) {
    const ports = node.ports.map(([purpose, port]) => `${purpose} 127.0.0.1:${port}`).join(', ');
    await session.out.line(`${node.title.padEnd(12)} pid ${String(pid).padEnd(8)} ${ports}`);
  }
  if (safeMode !== undefined)
    await session.warn(`The cluster is in safe mode, so nothing can be changed yet. ${safeMode}`);
}

/** How this user has to call a command about the cluster, from the directory that he is in. */
export function commandHint(session: Session, cluster: LocalCluster, command: string): string {
  const relativeDir = relative(session.environment.workingDirectory, cluster.directory);
  const dir = relativeDir.startsWith('..') ? cluster.directory : relativeDir;
  const dirFlag = command.startsWith('cluster') && dir !== DEFAULT_DIRECTORY ? ` --dir ${dir === '' ? '.' : dir}` : '';
  const isDefault = command.startsWith('cluster') || cluster.namenodeAddress === DEFAULT_NAMENODE;
  return `${isDefault ? '' : `DFS_NAMENODE=${cluster.namenodeAddress} `}npx dfs ${command}${dirFlag}`;
}
