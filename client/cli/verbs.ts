/** All verbs. What belongs to one is loaded only when it is used. */
import type { Verb } from './verb.js';

export interface VerbEntry {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Arguments that an old name of the verb stands for: `lsr` is `ls -R`. */
  readonly presetArgs: readonly string[];
  load(): Promise<Verb>;
}

type Loader = () => Promise<{ readonly verb: Verb }>;

const VERBS: Readonly<Record<string, readonly [summary: string, load: Loader]>> = {
  // Files and directories
  ls: ['list directories and files', () => import('./verbs/ls.js')],
  cat: ['print files', () => import('./verbs/cat.js')],
  text: ['print files, unpacking those that are gzipped', () => import('./verbs/text.js')],
  head: ['print the first kilobyte of a file', () => import('./verbs/head.js')],
  tail: ['print the last kilobyte of a file, and what is added to it', () => import('./verbs/tail.js')],
  find: ['list the files and directories below a path that match', () => import('./verbs/find.js')],
  stat: ['print what is known of files, in a format', () => import('./verbs/stat.js')],
  test: ['answer questions about a path by the exit code', () => import('./verbs/test.js')],
  checksum: ['print checksums of files', () => import('./verbs/checksum.js')],
  // Copying
  put: ['copy local files into the cluster', () => import('./verbs/put.js')],
  get: ['copy files out of the cluster', () => import('./verbs/get.js')],
  moveFromLocal: ['put, then remove the local files', () => import('./verbs/move-from-local.js')],
  moveToLocal: ['get, then remove the files in the cluster', () => import('./verbs/move-to-local.js')],
  appendToFile: ['add local files to the end of a file', () => import('./verbs/append-to-file.js')],
  getmerge: ['copy files into one local file, one after the other', () => import('./verbs/getmerge.js')],
  cp: ['copy files within the cluster', () => import('./verbs/cp.js')],
  // Changing the namespace
  mkdir: ['make directories', () => import('./verbs/mkdir.js')],
  mv: ['move or rename files and directories', () => import('./verbs/mv.js')],
  rm: ['remove files and directories', () => import('./verbs/rm.js')],
  rmdir: ['remove empty directories', () => import('./verbs/rmdir.js')],
  touch: ['set the times of files, making those that are missing', () => import('./verbs/touch.js')],
  touchz: ['make empty files', () => import('./verbs/touchz.js')],
  truncate: ['cut files to a length', () => import('./verbs/truncate.js')],
  concat: ['move the contents of files to the end of another one', () => import('./verbs/concat.js')],
  setrep: ['set how many replicas files have', () => import('./verbs/setrep.js')],
  chmod: ['change permissions', () => import('./verbs/chmod.js')],
  chown: ['change owner and group', () => import('./verbs/chown.js')],
  chgrp: ['change the group', () => import('./verbs/chgrp.js')],
  // Space
  du: ['show the space that files and directories take', () => import('./verbs/du.js')],
  df: ['show the space of the cluster', () => import('./verbs/df.js')],
  count: ['count directories, files and bytes', () => import('./verbs/count.js')],
  // A mount
  mount: ['make the cluster a directory of this machine', () => import('./verbs/mount.js')],
  umount: ['undo that', () => import('./verbs/umount.js')],
  // Administration
  fsck: ['check the blocks of files', () => import('./verbs/fsck.js')],
  report: ['show the state of the cluster and its DataNodes', () => import('./verbs/report.js')],
  safemode: ['show safe mode, enter it, leave it or wait for its end', () => import('./verbs/safemode.js')],
  saveNamespace: ['fold the edit log into the checkpoint now', () => import('./verbs/save-namespace.js')],
  'admin decommission': ['take DataNodes out of service for good', () => import('./verbs/admin-decommission.js')],
  'admin maintenance': ['take DataNodes out of service for a while', () => import('./verbs/admin-maintenance.js')],
  'admin recommission': ['take DataNodes back into service', () => import('./verbs/admin-recommission.js')],
  'admin forget': ['forget dead DataNodes', () => import('./verbs/admin-forget.js')],
  balancer: ['move replicas until all DataNodes are about equally full', () => import('./verbs/balancer.js')],
  'admin setBalancerBandwidth': ['set how fast that may be', () => import('./verbs/admin-set-balancer-bandwidth.js')],
  'admin setQuota': ['limit how many names directories may hold', () => import('./verbs/admin-set-quota.js')],
  'admin clrQuota': ['lift that limit', () => import('./verbs/admin-clr-quota.js')],
  'admin setSpaceQuota': [
    'limit how many bytes directories may hold',
    () => import('./verbs/admin-set-space-quota.js'),
  ],
  'admin clrSpaceQuota': ['lift that limit', () => import('./verbs/admin-clr-space-quota.js')],
  'admin printTopology': ['show the racks and their DataNodes', () => import('./verbs/admin-print-topology.js')],
  'admin getDatanodeInfo': ['show one DataNode', () => import('./verbs/admin-get-datanode-info.js')],
  'admin triggerBlockReport': [
    'have DataNodes report their blocks',
    () => import('./verbs/admin-trigger-block-report.js'),
  ],
  'debug recoverLease': [
    'have a file closed whose writer has vanished',
    () => import('./verbs/debug-recover-lease.js'),
  ],
  'cluster start': ['start a cluster on this machine', () => import('./verbs/cluster-start.js')],
  'cluster stop': ['stop it', () => import('./verbs/cluster-stop.js')],
  'cluster status': ['show its processes', () => import('./verbs/cluster-status.js')],
  'cluster start-datanode': ['start a DataNode again, or a new one', () => import('./verbs/cluster-start-datanode.js')],
  'cluster stop-datanode': ['stop one DataNode', () => import('./verbs/cluster-stop-datanode.js')],
  // About the command
  help: ['list the commands, or explain one', () => import('./verbs/help.js')],
  version: ['print the version', () => import('./verbs/version.js')],
};

/** Other names of verbs, with the arguments they stand for: HDFS's, old ones included. */
const ALIASES: Readonly<Record<string, readonly [verb: string, ...args: string[]]>> = {
  copyFromLocal: ['put'],
  copyToLocal: ['get'],
  lsr: ['ls', '-R'],
  dus: ['du', '-s'],
  rmr: ['rm', '-r'],
};

const ADMIN: Readonly<Record<string, string>> = {
  report: 'report',
  safemode: 'safemode',
  saveNamespace: 'saveNamespace',
  decommission: 'admin decommission',
  maintenance: 'admin maintenance',
  recommission: 'admin recommission',
  forget: 'admin forget',
  printTopology: 'admin printTopology',
  getDatanodeInfo: 'admin getDatanodeInfo',
  triggerBlockReport: 'admin triggerBlockReport',
  setBalancerBandwidth: 'admin setBalancerBandwidth',
  setQuota: 'admin setQuota',
  clrQuota: 'admin clrQuota',
  setSpaceQuota: 'admin setSpaceQuota',
  clrSpaceQuota: 'admin clrSpaceQuota',
};

/** Words with verbs of their own behind them: `dfs cluster start`, `dfs dfsadmin -report`. */
export const GROUPS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  cluster: {
    start: 'cluster start',
    stop: 'cluster stop',
    status: 'cluster status',
    'start-datanode': 'cluster start-datanode',
    'stop-datanode': 'cluster stop-datanode',
  },
  debug: { recoverLease: 'debug recoverLease' },
  admin: ADMIN,
  dfsadmin: ADMIN,
};

/** Commands of HDFS that have another shape here. */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  refreshNodes:
    'There are no files of hosts to read again: see `dfs help admin decommission` and `dfs help admin maintenance`.',
};

export const VERB_NAMES: readonly string[] = [
  ...Object.keys(VERBS).filter((name) => !name.includes(' ')),
  ...Object.keys(ALIASES),
  ...Object.keys(GROUPS),
];

export function isGroup(name: string): boolean {
  return Object.hasOwn(GROUPS, name);
}

/** The verb of a name or another name of it; undefined when there is none. */
export function resolveVerb(name: string): VerbEntry | undefined {
  const [verb, ...presetArgs] = (Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined) ?? [name];
  const found = Object.hasOwn(VERBS, verb) ? VERBS[verb] : undefined;
  if (found === undefined) return undefined;
  const [summary, load] = found;
  return { name: verb, summary, presetArgs, load: async () => (await load()).verb };
}

/** For help: every verb under its own name, in the order of the list. */
export function allVerbs(): VerbEntry[] {
  return Object.keys(VERBS).map((name) => resolveVerb(name) as VerbEntry);
}

/** `copyFromLocal`, `lsr (ls -R)`. */
export function aliasesOf(verb: string): string[] {
  return Object.entries(ALIASES)
    .filter(([, [target]]) => target === verb)
    .map(([name, [, ...args]]) => (args.length === 0 ? name : `${name} (${[verb, ...args].join(' ')})`));
}
