/**
 * What a file of the simulation must hold: who wrote which part of it, and how much of that was acknowledged. What was written and not
 * acknowledged may be there or not, as far as it was sent.
 */
import { byteOf } from './content.js';

/** One writer's turn at a file: a create or an append. */
export interface WriteSession {
  readonly tag: number;
  /** Where it began to write. */
  readonly start: number;
  /** End of what it has handed to the client. */
  attemptedEnd: number;
  /** How far what it wrote has been moved since, as a part of another file. */
  readonly movedBy: number;
  readonly opening: Opening;
}

/** Somewhere in between the NameNode gave the file to a writer. */
export interface Opening {
  readonly calledMs: number;
  readonly answeredMs: number;
}

/** How sure the bytes of an open file are: in the memory of the DataNodes, or on their disks. */
export interface Acknowledged {
  /** End of what close or hsync has acknowledged. */
  onDisk: number;
  /** End of what hflush has acknowledged, */
  inMemory: number;
  /** when so many DataNodes had crashed since the beginning. */
  crashesAtFlush: number;
}

export class ModelFile {
  readonly id: number;
  replication: number;
  readonly sessions: WriteSession[] = [];
  readonly acknowledged: Acknowledged = { onDisk: 0, inMemory: 0, crashesAtFlush: 0 };
  /** Counts up with every change, so that a reader can tell whether anything happened meanwhile. */
  version = 0;
  /** It is just being replaced, renamed or deleted. */
  changing = false;
  /** Calls to open it for writing that are not answered. */
  readonly #opening = new Set<symbol>();
  /** `closed`: by its last writer. `open`: being written. `abandoned`: its last writer failed or died. */
  state: 'open' | 'closed' | 'abandoned' = 'open';

  constructor(id: number, replication: number) {
    this.id = id;
    this.replication = replication;
  }

  /** Somebody asks for it. Returns what is to be called once that is answered, or its process has died. */
  isBeingOpened(): () => void {
    const call = Symbol('opening');
    this.#opening.add(call);
    return () => this.#opening.delete(call);
  }

  /** Whether the NameNode cannot have given it to another writer since, be it one that does not know that yet. */
  isLast(session: WriteSession): boolean {
    const { calledMs } = session.opening;
    return (
      this.#opening.size === 0 && this.sessions.every((one) => one === session || one.opening.answeredMs <= calledMs)
    );
  }

  begin(tag: number, start: number, opening: Opening): WriteSession {
    const session = { tag, start, attemptedEnd: start, movedBy: 0, opening };
    this.sessions.push(session);
    this.state = 'open';
    this.version++;
    return session;
  }

  flushed(length: number, crashes: number): void {
    this.acknowledged.inMemory = length;
    this.acknowledged.crashesAtFlush = crashes;
    this.version++;
  }

  synced(length: number): void {
    this.acknowledged.onDisk = length;
    this.version++;
  }

  /** When the answer comes late, another one may have begun to write after `session` by then. */
  closed(session: WriteSession): void {
    if (this.sessions.at(-1) !== session) return;
    this.synced(session.attemptedEnd);
    this.state = 'closed';
  }

  /** Cut to `length`, or perhaps not if `isCertain` is false. While its DataNodes are cutting it, it is as good as abandoned. */
  truncated(length: number, isDone: boolean, isCertain = true): void {
    this.acknowledged.onDisk = Math.min(length, this.acknowledged.onDisk);
    this.acknowledged.inMemory = Math.min(length, this.acknowledged.inMemory);
    this.state = isDone ? 'closed' : 'abandoned';
    this.version++;
    if (!isCertain) return;
    const kept = this.sessions.filter(({ start }) => start < length);
    this.sessions.splice(0, this.sessions.length, ...kept);
    for (const session of kept) session.attemptedEnd = Math.min(session.attemptedEnd, length);
  }

  /** What other files held, which were closed, follows from `end` on, or perhaps not if `isCertain` is false. */
  appended(end: number, parts: readonly ModelFile[], isCertain: boolean): void {
    let at = end;
    for (const { sessions, acknowledged } of parts) {
      for (const one of sessions) {
        const { start, attemptedEnd, movedBy } = one;
        this.sessions.push({ ...one, start: start + at, attemptedEnd: attemptedEnd + at, movedBy: movedBy + at });
      }
      at += acknowledged.onDisk;
    }
    if (isCertain) this.synced(at);
    else this.state = 'abandoned';
    this.version++;
  }

  /** Bytes that must be there, when `crashes` DataNodes have crashed since the beginning. */
  certainLength(crashes: number): number {
    const { onDisk, inMemory, crashesAtFlush } = this.acknowledged;
    return crashes === crashesAtFlush ? Math.max(onDisk, inMemory) : onDisk;
  }

  /** The longest that the file can be. */
  get possibleLength(): number {
    return this.sessions.reduce((longest, { attemptedEnd }) => Math.max(longest, attemptedEnd), 0);
  }

  /** What is wrong with `bytes`, read from `position` on; undefined when nothing is. */
  faultIn(bytes: Uint8Array, position: number): string | undefined {
    for (let i = 0; i < bytes.length; i++) {
      const at = position + i;
      const writers = this.#writersOf(at);
      const [likeliest] = writers;
      if (likeliest === undefined) return `byte ${at} was never written`;
      if (writers.some((writer) => bytes[i] === byteIn(writer, at))) continue;
      const { tag, start } = likeliest;
      return `byte ${at} is ${bytes[i]} instead of ${byteIn(likeliest, at)} (writer ${tag}, from ${start} on)`;
    }
    return undefined;
  }

  /**
   * Who may have written a byte. The last session that began at or before it: later ones went on where the file ended for them. But when two were
   * given the file in the same time, the one that was told of it first need not be the one that had it first.
   */
  #writersOf(position: number): WriteSession[] {
    const index = this.sessions.findLastIndex(({ start }) => start <= position);
    const last = this.sessions[index];
    if (last === undefined) return [];
    const others = this.sessions.slice(0, index).filter((session) => mayFollow(session, last));
    return [last, ...others].filter(({ start, attemptedEnd }) => start <= position && position < attemptedEnd);
  }
}

function byteIn({ tag, movedBy }: WriteSession, position: number): number {
  return byteOf(tag, position - movedBy);
}

function mayFollow({ opening }: WriteSession, other: WriteSession): boolean {
  return opening.answeredMs > other.opening.calledMs && other.opening.answeredMs > opening.calledMs;
}
