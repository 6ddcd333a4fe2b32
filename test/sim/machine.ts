/**
 * One machine of a simulated cluster with the one process that runs on it. The process can be killed or lose its power at any moment
 * and be started again; the machine keeps its disks and its wrong clock.
 */
import type { Clock } from '../../common/clock.js';
import { DfsError, messageOf } from '../../common/errors.js';
import type { Random } from '../../common/random.js';
import type { CrashKind, SimulatedDisk } from './disk.js';
import { Life } from './life.js';
import { type ClockError, ProcessClock } from './process-clock.js';
import type { World } from './world.js';

/** A process that could not start, or has ended by itself, is started again after so long, as by a supervisor. */
const SUPERVISOR_DELAY_MS = 5_000;

/** What one life of a process is given. */
export interface Surroundings {
  readonly life: Life;
  readonly clock: ProcessClock;
  readonly random: Random;
}

export abstract class Machine {
  readonly host: string;
  readonly clockError: ClockError;
  protected readonly world: World;
  readonly #random: Random;
  #lives = 0;
  #crashes = 0;
  #lastCrash: CrashKind = 'kill';
  #surroundings: Surroundings | undefined;
  /** A process that ends is started again; one that was told to stop is not, unless it was to be started since. */
  #isSupervised = true;

  constructor(world: World, host: string, clockError: ClockError) {
    this.world = world;
    this.host = host;
    this.clockError = clockError;
    this.#random = world.fork();
  }

  /** Starts the process. Resolves when it serves; the promise stays open when it crashes before that. */
  protected abstract boot(surroundings: Surroundings): Promise<void>;
  /** Ends the process in order. */
  protected abstract shutDown(): Promise<void>;
  /** What is left to do for the machine's devices after the process has gone. */
  protected afterCrash(_kind: CrashKind): void {}
  abstract get disks(): readonly SimulatedDisk[];

  /** The process that runs; undefined when none does. */
  get running(): Surroundings | undefined {
    return this.#surroundings?.life.alive ? this.#surroundings : undefined;
  }

  get clock(): Clock | undefined {
    return this.running?.clock;
  }

  /** How often its process has ended, in whatever way. */
  get crashes(): number {
    return this.#crashes;
  }

  /** How often its process has been started. */
  get lives(): number {
    return this.#lives;
  }

  /** Whether its disks are as the process that ran last has left them, whatever has become of that. */
  get isAsLeft(): boolean {
    return this.running !== undefined || this.#lastCrash === 'kill';
  }

  start(): void {
    if (this.running !== undefined) {
      this.#isSupervised = true; // it may be stopping just now
      return;
    }
    const { scheduler, links, trace } = this.world;
    const life = new Life(`${this.host}#${++this.#lives}`);
    const clock = new ProcessClock(scheduler, life, this.world.fork(), this.clockError);
    this.#surroundings = { life, clock, random: this.world.fork() };
    this.#isSupervised = true;
    links.setDown(this.host, false);
    trace.note('start', life.name);
    this.boot(this.#surroundings).catch((error: unknown) => this.failed(life, error));
  }

  crash(kind: CrashKind): void {
    const { life } = this.running ?? {};
    if (life === undefined) return;
    const { links, trace, faults } = this.world;
    trace.note(kind, life.name);
    faults.count(`process: ${kind} of ${this.host.replace(/\d+$/, '')}`);
    this.#crashes++;
    this.#lastCrash = kind;
    if (kind === 'power cut') links.setDown(this.host, true);
    life.end();
    for (const disk of this.disks) disk.crash(kind);
    this.afterCrash(kind);
  }

  /** Stops the process in order, as SIGTERM does; it is killed when that takes too long, which must not happen. */
  stop(limitMs: number): void {
    const { life } = this.running ?? {};
    if (life === undefined) return;
    this.world.trace.note('stop', life.name);
    this.#isSupervised = false;
    const limit = this.world.scheduler.after(limitMs, 'stop limit', () => {
      if (life.alive) this.world.violation(`${life.name} did not stop within ${limitMs} ms`);
    });
    this.shutDown().then(
      () => {
        limit.cancel();
        if (life.alive) this.#exit(life);
      },
      (error: unknown) => {
        limit.cancel();
        if (!(error instanceof DfsError)) this.world.violation(`${life.name} failed to stop: ${describe(error)}`);
        if (life.alive) this.#exit(life);
      },
    );
  }

  /** For the process itself: it cannot go on. */
  protected failed(life: Life, error: unknown): void {
    if (!life.alive) return;
    const { trace, faults } = this.world;
    trace.note('exit', `${life.name} ${error instanceof DfsError ? error.name : 'Error'}`);
    if (error instanceof DfsError || isOsError(error))
      faults.count(`process: exit of ${this.host.replace(/\d+$/, '')}`);
    else this.world.violation(`${life.name} failed for an unforeseen reason: ${describe(error)}`);
    this.world.log(life.name, `exits: ${messageOf(error)}`);
    this.#exit(life);
  }

  #exit(life: Life): void {
    this.#crashes++;
    this.#lastCrash = 'kill';
    life.end();
    for (const disk of this.disks) disk.crash('kill');
    this.afterCrash('kill');
    this.world.scheduler.after(SUPERVISOR_DELAY_MS * (0.5 + this.#random.fraction()), 'supervisor', () => {
      if (this.#isSupervised) this.start();
    });
  }
}

function isOsError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
