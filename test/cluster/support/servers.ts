/** Servers started by hand, as on a real machine: `dfs namenode` and `dfs datanode` with settings. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { ExecutionContext } from 'ava';
import { DFS_SCRIPT } from '../../../client/cluster/package-root.js';
import { resultOf } from '../harness.js';

export type ServerKind = 'namenode' | 'datanode';

const ANY_PORTS: Readonly<Record<ServerKind, Readonly<Record<string, string>>>> = {
  namenode: { 'dfs.namenode.rpc-address': '127.0.0.1:0', 'dfs.namenode.http-address': '127.0.0.1:0' },
  datanode: {
    'dfs.datanode.address': '127.0.0.1:0',
    'dfs.datanode.ipc.address': '127.0.0.1:0',
    'dfs.datanode.http.address': '127.0.0.1:0',
  },
};

/** Runs a server on any free ports, killed at the end of the test if it lives so long. */
export function spawnServer(
  t: ExecutionContext,
  kind: ServerKind,
  settings: Readonly<Record<string, string>>,
): ChildProcess {
  const all = Object.entries({ ...ANY_PORTS[kind], ...settings }).flatMap(([name, value]) => [
    '-D',
    `${name}=${value}`,
  ]);
  const child = spawn(process.execPath, [DFS_SCRIPT, kind, ...all]);
  t.teardown(() => child.kill('SIGKILL'));
  return child;
}

/** The server ends with exit code 1 and one line on standard error, which fits. */
export async function assertRefused(
  t: ExecutionContext,
  kind: ServerKind,
  settings: Readonly<Record<string, string>>,
  message: RegExp,
): Promise<void> {
  const { code, stderr } = await resultOf(spawnServer(t, kind, settings));
  t.is(code, 1);
  t.regex(stderr, message);
  t.regex(stderr, new RegExp(`^${kind}: [^\n]+\n$`), 'one line, no stack trace');
}
