/**
 * What programs have set of a file that is being written, and what the cluster is told once with the end of the writing: `tar` and `cp -p` set times, owner and
 * mode of each file before they close it. Programs on this machine see it at once.
 */
import type { Clock, Timer } from '../../common/clock.js';
import type { AttributesChange, FileStatus, TimesChange } from '../types.js';

/** Attributes in force here that the cluster does not know. */
export type LocalAttributes = Partial<
  Pick<FileStatus, 'mode' | 'modificationTimeMs' | 'modificationTimeNs' | 'accessTimeMs' | 'accessTimeNs'>
>;

/** Others may see attributes that are a second old. */
const MODE_MAX_MS = 500;

export class PendingAttributes {
  readonly #clock: Clock;
  #mode: number | undefined;
  #times: Omit<LocalAttributes, 'mode'> = {};
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get mode(): number | undefined {
    return this.#mode;
  }

  get local(): LocalAttributes {
    return { ...(this.#mode === undefined ? {} : { mode: this.#mode }), ...this.#times };
  }

  /** They wait for the end of the writing, which sets them otherwise. */
  setTimes({ modificationTimeMs, modificationTimeNs = 0, accessTimeMs, accessTimeNs = 0 }: TimesChange): void {
    this.#times = {
      ...this.#times,
      ...(modificationTimeMs === undefined ? {} : { modificationTimeMs, modificationTimeNs }),
      ...(accessTimeMs === undefined ? {} : { accessTimeMs, accessTimeNs }),
    };
  }

  /** The file was written to: it counts from then on. */
  forgetModificationTime(): void {
    const { accessTimeMs, accessTimeNs = 0 } = this.#times;
    this.#times = accessTimeMs === undefined ? {} : { accessTimeMs, accessTimeNs };
  }

  /** `onDue` is called when it must not wait any longer. */
  setMode(mode: number, onDue: () => void): void {
    this.#mode = mode;
    this.#timer ??= this.#clock.after(MODE_MAX_MS, onDue);
  }

  /** The mode alone, which is pending no longer. */
  takeMode(): number | undefined {
    const mode = this.#mode;
    this.#mode = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
    return mode;
  }

  /** All that is pending, which is empty then; undefined when there is nothing. */
  take(): AttributesChange | undefined {
    const times = this.#times;
    this.#times = {};
    const mode = this.takeMode();
    if (mode === undefined && Object.keys(times).length === 0) return undefined;
    return { mode, times };
  }
}
