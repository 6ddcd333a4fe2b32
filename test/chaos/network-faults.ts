/** Links between hosts that lose everything, in one direction or in both, for less or for more than the timeouts; or now and then. */
import { sleep, systemClock } from '../../common/clock.js';
import type { Random } from '../../common/random.js';
import { hostOf } from '../cluster/support/machines.js';
import type { PrivateNetwork } from '../cluster/support/private-network.js';
import { DATANODES, LONGER_THAN_TIMEOUTS_MS } from './cluster.js';
import type { Tally } from './tally.js';

type Link = readonly [from: string, to: string];

/** Everybody whom the cluster has. */
const EVERYBODY = ['nn', 'client', ...Array.from({ length: DATANODES }, (_, index) => hostOf(index + 1))];
const FLAP_MS_MAX = 300;

export class NetworkFaults {
  readonly #network: PrivateNetwork;
  readonly #random: Random;
  readonly #tally: Tally;
  readonly #log: (line: string) => void;

  constructor(network: PrivateNetwork, random: Random, tally: Tally, log: (line: string) => void) {
    this.#network = network;
    this.#random = random;
    this.#tally = tally;
    this.#log = log;
  }

  /** One fault, which is over when this returns. */
  async run(durationMs: number, signal: AbortSignal): Promise<void> {
    const [ends, links] = this.#someLinks();
    const flapping = this.#random.int(4) === 0;
    const long = durationMs > LONGER_THAN_TIMEOUTS_MS ? 'cut for longer than every timeout' : 'cut for long';
    const how = flapping ? 'that comes and goes' : durationMs > 3_000 ? long : 'cut for a moment';
    this.#tally.count(`link ${how}`, ends);
    this.#log(`${links.map((link) => link.join(' -> ')).join(', ')}: ${how}, ${durationMs} ms`);
    const deadline = systemClock.monotonicMs() + durationMs;
    try {
      do {
        for (const [from, to] of links) this.#network.cut(from, to);
        await pause(flapping ? this.#random.int(FLAP_MS_MAX) : durationMs, signal);
        for (const [from, to] of links) this.#network.mend(from, to);
        if (flapping) await pause(this.#random.int(FLAP_MS_MAX), signal);
      } while (!signal.aborted && systemClock.monotonicMs() < deadline);
    } finally {
      for (const [from, to] of links) this.#network.mend(from, to);
    }
  }

  /** Which links, and in words between whom. */
  #someLinks(): [ends: string, links: Link[]] {
    const random = this.#random;
    const first = 1 + random.int(DATANODES);
    const datanode = hostOf(first);
    const other = hostOf(1 + ((first + random.int(DATANODES - 1)) % DATANODES));
    const pairs: readonly (readonly [string, string, string])[] = [
      ['client - DataNode', 'client', datanode],
      ['DataNode - NameNode', datanode, 'nn'],
      ['DataNode - DataNode', datanode, other],
      ['client - NameNode', 'client', 'nn'],
    ];
    if (random.int(5) === 0) {
      const others = EVERYBODY.filter((host) => host !== datanode);
      const outgoing = others.map((host): Link => [datanode, host]);
      const incoming = others.map((host): Link => [host, datanode]);
      const direction = random.int(3);
      if (direction === 0) return ['DataNode -> all', outgoing];
      if (direction === 1) return ['all -> DataNode', incoming];
      return ['DataNode - all', [...outgoing, ...incoming]];
    }
    const [ends, one, two] = pairs[random.int(pairs.length)] as (typeof pairs)[number];
    const direction = random.int(3);
    if (direction === 0) return [ends.replace('-', '->'), [[one, two]]];
    if (direction === 1) return [ends.replace('-', '<-'), [[two, one]]];
    return [
      ends,
      [
        [one, two],
        [two, one],
      ],
    ];
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(systemClock, ms, signal).catch(() => {});
}
