/**
 * After a start of the NameNode, nothing is changed, copied or deleted before enough blocks can have been found: of the complete blocks that it
 * starts with, those that lie on the disks of DataNodes from which it has heard anything at all.
 */
import { loadConfiguration } from '../../../common/config/configuration.js';
import type { Cluster } from '../cluster.js';
import type { Life } from '../life.js';
import { finalizedBlocksIn } from '../replicas.js';
import type { Checker } from './checker.js';

/** One start of the NameNode, until enough blocks can have been found. */
interface Start {
  /** Complete blocks at the beginning. */
  readonly blocks: ReadonlySet<number>;
  readonly needed: number;
  /** Hosts of DataNodes from which it has heard. */
  readonly heard: Set<string>;
}

const NAME = 'safe mode';

export const safeMode: Checker = {
  name: NAME,
  watch(cluster) {
    const { world, namenode } = cluster;
    const starts = new Map<Life, Start | 'over'>();
    const current = (): Start | undefined => {
      const { life } = namenode.running ?? {};
      if (life === undefined) return undefined;
      if (!starts.has(life)) starts.set(life, begin(cluster));
      const start = starts.get(life);
      if (start === undefined || start === 'over') return undefined;
      if (countFound(cluster, start) < start.needed) return start;
      starts.set(life, 'over');
      return undefined;
    };
    const require = (what: string): void => {
      const start = current();
      if (start === undefined) return;
      const found = `${countFound(cluster, start)} of ${start.needed} blocks`;
      world.violation(`${what}, when at most ${found} can have been found since the NameNode's start`, NAME);
    };
    world.tap.onArrival(({ server, callerHost }) => {
      if (server !== namenode.running?.life || !cluster.datanodes.some(({ host }) => host === callerHost)) return;
      current()?.heard.add(callerHost);
      current(); // it may be enough now, and a disk may be lost later
    });
    world.tap.onAnswer(({ server, method, callerHost, answer }) => {
      if (server !== namenode.running?.life || method !== 'Heartbeat') return;
      for (const order of ['transfer', 'invalidate', 'recover'])
        if (hasOrder(answer, order)) require(`${callerHost} gets the order to ${order}`);
    });
    namenode.onBatch((records) => {
      if (records > 0) require(`${records} changes are logged`);
    });
  },
};

function begin({ namenode, options }: Cluster): Start | 'over' {
  const db = namenode.database?.connections.reading;
  const ids = db?.prepare<[], { id: number }>('SELECT id FROM blocks WHERE state = 4').all() ?? [];
  if (ids.length === 0) return 'over';
  const threshold = loadConfiguration({ overrides: options.settings }).get('dfs.namenode.safemode.threshold-pct');
  return { blocks: new Set(ids.map(({ id }) => id)), needed: Math.ceil(ids.length * threshold), heard: new Set() };
}

function countFound({ datanodes }: Cluster, { heard, blocks }: Start): number {
  const found = new Set<number>();
  for (const { host, disks } of datanodes) {
    if (!heard.has(host)) continue;
    for (const disk of disks) {
      for (const file of disk.files()) {
        for (const block of finalizedBlocksIn(file)) if (blocks.has(block)) found.add(block);
      }
    }
  }
  return found.size;
}

function hasOrder(answer: unknown, order: string): boolean {
  const { commands = [] } = answer as { commands?: readonly Record<string, unknown>[] };
  return commands.some((command) => command[order] !== undefined && command[order] !== null);
}
