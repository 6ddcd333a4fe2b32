/**
 * What is to be sent on a channel by many who do not wait for each other: what gathers in one turn of the event loop, or while something is being
 * sent, goes out together. A call of the kernel costs more than all that is done for a message of a few kilobytes.
 */
import { totalLength } from './buffers.js';
import type { Channel } from './channel.js';

/** Up to here copying many buffers together costs less than handing over each. */
const JOIN_BYTES = 64 * 1024;

export class WriteQueue {
  readonly #channel: Channel;
  readonly #timeoutMs: number;
  readonly #onFailure: (error: unknown) => void;
  #waiting: Uint8Array[] = [];
  #isSending = false;

  /** `timeoutMs`: for the other side to take something. `onFailure` is called once nothing more can be sent. */
  constructor(channel: Channel, timeoutMs: number, onFailure: (error: unknown) => void) {
    this.#channel = channel;
    this.#timeoutMs = timeoutMs;
    this.#onFailure = onFailure;
  }

  /** The caller bounds how much may wait, and does not change the bytes any more. */
  add(buffers: readonly Uint8Array[]): void {
    this.#waiting.push(...buffers);
    if (this.#isSending) return;
    this.#isSending = true;
    setImmediate(() => void this.#send());
  }

  async #send(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const buffers = this.#waiting;
        this.#waiting = [];
        await this.#channel.write(joined(buffers), this.#timeoutMs);
      }
    } catch (error) {
      this.#onFailure(error);
    } finally {
      this.#isSending = false;
    }
  }
}

function joined(buffers: readonly Uint8Array[]): readonly Uint8Array[] {
  const length = totalLength(buffers);
  return length > JOIN_BYTES || buffers.length === 1 ? buffers : [Buffer.concat(buffers, length)];
}
