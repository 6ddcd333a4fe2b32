/**
 * Virtual time. Events wait in a queue ordered by their time; the next one runs only when everything that the one before it has
 * set off has come to rest (promises, and turns of the event loop that the code under test asks for), and takes no time itself.
 * So a run depends on nothing but its seed, and an hour of waiting costs nothing.
 */
import type { Timer } from '../../common/clock.js';
import type { Trace } from './trace.js';

interface Event {
  readonly timeMs: number;
  readonly order: number;
  readonly label: string;
  /** Undefined once it ran or was cancelled. */
  action: (() => void) | undefined;
}

/** Kinds of work for the real world, which would bring real time and chance into the simulation. */
const REAL_WORK = new Set(['FSReqPromise', 'FSReqCallback', 'FileHandleCloseReq', 'GetAddrInfoReqWrap', 'MessagePort']);

/** Every so many events, it is checked that nothing waits for the real world. */
const EVENTS_PER_CHECK = 256;

export class Scheduler {
  #nowMs = 0;
  #order = 0;
  readonly #queue: Event[] = [];
  #trace: Trace | undefined;

  /** Events are noted there from now on. */
  set trace(trace: Trace) {
    this.#trace = trace;
  }

  /** Milliseconds since the beginning: the true time, which no process of the simulation can see. */
  get nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, label: string, action: () => void): Timer {
    return this.at(this.#nowMs + Math.max(0, delayMs), label, action);
  }

  /** Events of the same time run in the order in which they were asked for. */
  at(timeMs: number, label: string, action: () => void): Timer {
    const event: Event = { timeMs: Math.max(timeMs, this.#nowMs), order: this.#order++, label, action };
    this.#push(event);
    return {
      cancel: () => {
        event.action = undefined;
      },
    };
  }

  /** Resolves after `delayMs`. */
  sleep(delayMs: number, label: string): Promise<void> {
    return new Promise((resolve) => {
      this.after(delayMs, label, resolve);
    });
  }

  /**
   * Runs events until `isDone` says so, none is left, or the next one lies after `endMs`.
   * @returns whether `isDone` said so.
   */
  run(endMs: number, isDone: () => boolean): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let events = 0;
      const nextTurn = (): void => {
        schedulerTurns++;
        setImmediate(turn);
      };
      const turn = (): void => {
        schedulerTurns--;
        try {
          if (isTurnPending()) {
            nextTurn();
            return;
          }
          if (isDone()) {
            resolve(true);
            return;
          }
          if (events++ % EVENTS_PER_CHECK === 0) refuseRealWork();
          if (!this.#runNext(endMs)) {
            resolve(false);
            return;
          }
          nextTurn();
        } catch (error) {
          reject(error);
        }
      };
      nextTurn();
    });
  }

  /** False when there is nothing more to do until `endMs`. */
  #runNext(endMs: number): boolean {
    for (;;) {
      const [event] = this.#queue;
      if (event === undefined || event.timeMs > endMs) {
        this.#nowMs = Math.max(this.#nowMs, Number.isFinite(endMs) ? endMs : this.#nowMs);
        return false;
      }
      this.#pop();
      const { action } = event;
      if (action === undefined) continue;
      event.action = undefined;
      this.#nowMs = event.timeMs;
      this.#trace?.note(event.label);
      action();
      return true;
    }
  }

  #push(event: Event): void {
    const queue = this.#queue;
    let at = queue.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = queue[parent] as Event;
      if (!isBefore(event, above)) break;
      queue[at] = above;
      at = parent;
    }
    queue[at] = event;
  }

  /** Takes the first event out. */
  #pop(): void {
    const queue = this.#queue;
    const last = queue.pop() as Event;
    if (queue.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= queue.length) break;
      if (child + 1 < queue.length && isBefore(queue[child + 1] as Event, queue[child] as Event)) child++;
      if (!isBefore(queue[child] as Event, last)) break;
      queue[at] = queue[child] as Event;
      at = child;
    }
    queue[at] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.order < b.order);
}

/** Turns of the event loop that the schedulers of this process (tests run side by side) have asked for. */
let schedulerTurns = 0;

/** Somebody else has asked for another turn. */
function isTurnPending(): boolean {
  let turns = 0;
  for (const kind of process.getActiveResourcesInfo()) if (kind === 'Immediate') turns++;
  return turns > schedulerTurns;
}

function refuseRealWork(): void {
  const found = process.getActiveResourcesInfo().find((kind) => REAL_WORK.has(kind));
  if (found !== undefined) throw new Error(`something in the simulation waits for the real world (${found})`);
}
