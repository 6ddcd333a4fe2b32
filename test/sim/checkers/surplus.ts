/**
 * A surplus replica is ordered to be deleted only while as many others as are wanted are there for sure: on DataNodes from which the NameNode
 * has heard lately, and really on their disks unless something has happened to them that it cannot know of yet. And these others are on two racks, if
 * they are with it.
 */
import { loadConfiguration } from '../../../common/config/configuration.js';
import { BlockState, ReplicaRowState } from '../../../namenode/storage/schema.js';
import type { Cluster } from '../cluster.js';
import type { DatanodeMachine } from '../datanode-machine.js';
import type { Life } from '../life.js';
import { finalizedBlockOf } from '../replicas.js';
import type { Checker } from './checker.js';

interface ReplicaAt {
  readonly host: string;
  readonly rack: string;
  readonly state: number;
  /** Has the stamp and the length of its block. */
  readonly matches: number;
}

interface Contact {
  readonly life: Life;
  readonly atMs: number;
  /** How often the DataNode had crashed by then. */
  readonly crashes: number;
}

const NAME = 'surplus replicas';
/** The NameNode looks every few seconds at who is late, by its own clock. */
const LATENESS_MS = 4_000;

export const surplus: Checker = {
  name: NAME,
  watch(cluster) {
    const { world, namenode, datanodes, options } = cluster;
    const { tap, scheduler } = world;
    const staleMs = loadConfiguration({ overrides: options.settings }).get('dfs.namenode.stale.datanode.interval');
    // What goes was chosen some time ago: once a DataNode has been moved, it may have been for other racks.
    const racks = datanodes.map(({ rack }) => rack);
    let haveRacksChanged = false;
    const contacts = new Map<string, Contact>();
    tap.onArrival(({ server, callerHost, method }) => {
      const machine = datanodes.find(({ host }) => host === callerHost);
      if (server !== namenode.running?.life || machine === undefined) return;
      if (method !== 'Heartbeat' && method !== 'Register') return;
      haveRacksChanged ||= datanodes.some(({ rack }, index) => rack !== racks[index]);
      contacts.set(callerHost, { life: server, atMs: scheduler.nowMs, crashes: machine.crashes });
    });
    const isThere = (host: string, block: number): boolean => {
      const contact = contacts.get(host);
      const machine = datanodes.find((one) => one.host === host);
      if (contact === undefined || machine === undefined || contact.life !== namenode.running?.life) return false;
      if (scheduler.nowMs - contact.atMs > staleMs + LATENESS_MS) return false;
      return contact.crashes !== machine.crashes || holds(machine, block);
    };
    tap.onAnswer(({ server, method, callerHost, answer }) => {
      if (server !== namenode.running?.life || method !== 'Heartbeat') return;
      for (const block of toDelete(answer)) {
        const found = replicasOf(cluster, block);
        if (found === undefined || stateOn(found.replicas, callerHost) !== ReplicaRowState.EXCESS) continue;
        const left = found.replicas.filter(
          ({ host, state, matches }) => host !== callerHost && state === ReplicaRowState.LIVE && matches === 1,
        );
        const others = new Set(left.map(({ host }) => host));
        const what = `${callerHost} gets the order to delete a surplus replica of block ${block}`;
        const before = rackCount([...left, ...found.replicas.filter(({ host }) => host === callerHost)]);
        if (!haveRacksChanged && rackCount(left) < Math.min(2, found.replication, before))
          world.violation(`${what}: the others, ${[...others].join(', ')}, are on one rack`, NAME);
        const sure = [...others].filter((host) => isThere(host, block));
        if (sure.length >= found.replication) continue;
        const why = `only ${sure.join(', ') || 'nobody'} of ${[...others].join(', ')} is there for sure`;
        world.violation(`${what}: ${found.replication} are wanted, but ${why}`, NAME);
      }
    });
  },
};

function toDelete(answer: unknown): number[] {
  const { commands } = answer as { commands: readonly { invalidate?: { blocks: readonly { blockId: number }[] } }[] };
  return commands.flatMap(({ invalidate }) => invalidate?.blocks.map(({ blockId }) => blockId) ?? []);
}

/** As the NameNode knows them; undefined when the block is not complete, or gone. */
function replicasOf(
  { namenode }: Cluster,
  block: number,
): { readonly replication: number; readonly replicas: readonly ReplicaAt[] } | undefined {
  const db = namenode.database?.connections.reading;
  const row = db
    ?.prepare<[number], { replication: number }>(
      `SELECT replication FROM blocks WHERE id = ? AND state = ${BlockState.COMPLETE}`,
    )
    .get(block);
  if (db === undefined || row === undefined) return undefined;
  const replicas = db
    .prepare<[number], ReplicaAt>(
      `SELECT d.host, d.rack, r.state, r.generation_stamp = b.generation_stamp AND r.length = b.length AS matches
       FROM replicas r JOIN storages s ON s.id = r.storage JOIN datanodes d ON d.uuid = s.datanode JOIN blocks b ON b.id = r.block
       WHERE r.block = ? AND d.uuid NOT IN (SELECT datanode FROM datanode_admin)`,
    )
    .all(block);
  return { replication: row.replication, replicas };
}

function rackCount(replicas: readonly ReplicaAt[]): number {
  return new Set(replicas.map(({ rack }) => rack)).size;
}

function stateOn(replicas: readonly ReplicaAt[], host: string): number | undefined {
  return replicas.find((replica) => replica.host === host && replica.state !== ReplicaRowState.LIVE)?.state;
}

function holds({ disks }: DatanodeMachine, block: number): boolean {
  for (const disk of disks) for (const { path } of disk.files()) if (finalizedBlockOf(path) === block) return true;
  return false;
}
