/**
 * What lies between two hosts, each direction for itself: how long a message takes, how much fits through, whether anything
 * passes at all. Shared by the data plane's connections (network.ts) and the calls (rpc.ts).
 */
import type { Random } from '../../common/random.js';
import type { FaultCounters } from './fault-counters.js';
import type { Scheduler } from './scheduler.js';
import type { Trace } from './trace.js';

export interface LinkQuality {
  readonly latencyMs: number;
  /** Added on top, different each time; the mean of an exponential distribution. */
  readonly jitterMs: number;
  readonly bytesPerMs: number;
  /** Share of the messages that are lost once and sent again, which takes a while. */
  readonly lossRate: number;
  /** Share of the segments with a block's data in which a bit turns over, unnoticed by TCP's weak checksum. */
  readonly flipRate?: number;
}

/** What was lost or held up is sent again after so long at least and at most: TCP's timers back off. */
const RETRANSMISSION_MIN_MS = 200;
const RETRANSMISSION_MAX_MS = 3_000;

class Link {
  blocked = false;
  quality: LinkQuality;
  /** Until then the bytes handed to it before are on their way out. */
  busyUntilMs = 0;
  waiting: (() => void)[] = [];

  constructor(quality: LinkQuality) {
    this.quality = quality;
  }
}

export interface LinksOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly trace: Trace;
  readonly faults: FaultCounters;
  /** How links are as long as nobody changes them. */
  readonly normal: LinkQuality;
}

export class Links {
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #trace: Trace;
  readonly #faults: FaultCounters;
  readonly #normal: LinkQuality;
  readonly #links = new Map<string, Link>();
  readonly #down = new Set<string>();

  constructor({ scheduler, random, trace, faults, normal }: LinksOptions) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#trace = trace;
    this.#faults = faults;
    this.#normal = normal;
  }

  isOpen(from: string, to: string): boolean {
    return !this.#link(from, to).blocked;
  }

  block(from: string, to: string): void {
    this.#trace.note('block', `${from}>${to}`);
    this.#link(from, to).blocked = true;
  }

  unblock(from: string, to: string): void {
    const link = this.#link(from, to);
    if (!link.blocked) return;
    this.#trace.note('unblock', `${from}>${to}`);
    link.blocked = false;
    this.#resume(from, to);
  }

  #resume(from: string, to: string): void {
    const link = this.#link(from, to);
    for (const resume of link.waiting.splice(0)) {
      this.#scheduler.after(this.#retransmissionMs(), `retransmission ${from}>${to}`, resume);
    }
  }

  /** Undefined: back to normal. */
  setQuality(from: string, to: string, quality: LinkQuality | undefined): void {
    this.#trace.note(quality === undefined ? 'unclog' : 'clog', `${from}>${to}`);
    const link = this.#link(from, to);
    link.quality = quality ?? this.#normal;
    link.busyUntilMs = Math.min(link.busyUntilMs, this.#scheduler.nowMs);
  }

  /** All links are open and as fast as at the beginning. */
  heal(): void {
    for (const [key, link] of this.#links) {
      const [from, to] = key.split('>') as [string, string];
      this.unblock(from, to);
      if (link.quality !== this.#normal) this.setQuality(from, to, undefined);
    }
  }

  /** When `bytes` that leave now arrive, if the link stays open. */
  arrivalMs(from: string, to: string, bytes: number): number {
    const link = this.#link(from, to);
    const { latencyMs, jitterMs, bytesPerMs, lossRate } = link.quality;
    const startMs = Math.max(this.#scheduler.nowMs, link.busyUntilMs);
    link.busyUntilMs = startMs + bytes / bytesPerMs;
    const arrivalMs = link.busyUntilMs + latencyMs - jitterMs * Math.log(1 - this.#random.fraction());
    if (lossRate === 0 || this.#random.fraction() >= lossRate) return arrivalMs;
    this.#faults.count('network: lost message');
    return arrivalMs + this.#retransmissionMs();
  }

  /** Turns a bit of `bytes` over if the link is that bad. */
  disturb(from: string, to: string, bytes: Buffer): void {
    const { flipRate = 0 } = this.#link(from, to).quality;
    if (flipRate === 0 || this.#random.fraction() >= flipRate) return;
    this.#faults.count('network: flipped bit');
    const at = this.#random.int(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << this.#random.int(8));
  }

  /** Calls `resume` once the link is open again and TCP has tried again. */
  whenOpen(from: string, to: string, resume: () => void): void {
    this.#link(from, to).waiting.push(resume);
  }

  /** A machine without power: nothing on it answers, not even with a refusal. */
  setDown(host: string, isDown: boolean): void {
    if (isDown) {
      this.#down.add(host);
      return;
    }
    this.#down.delete(host);
    for (const [key, { blocked }] of this.#links) {
      const [from, to] = key.split('>') as [string, string];
      if (to === host && !blocked) this.#resume(from, to);
    }
  }

  isDown(host: string): boolean {
    return this.#down.has(host);
  }

  #retransmissionMs(): number {
    return RETRANSMISSION_MIN_MS + this.#random.fraction() * (RETRANSMISSION_MAX_MS - RETRANSMISSION_MIN_MS);
  }

  #link(from: string, to: string): Link {
    const key = `${from}>${to}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      link = new Link(this.#normal);
      this.#links.set(key, link);
    }
    return link;
  }
}
