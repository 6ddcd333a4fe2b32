/** Everything that the bench has started and must stop, also when it fails or is told to end. */

export interface Stoppable {
  stop(): Promise<void>;
}

export class TearDown {
  readonly #started: Promise<Stoppable>[] = [];
  #over = false;

  get isOver(): boolean {
    return this.#over;
  }

  /** Remembers what is being started, from now on: it is stopped even if the end comes before it has started. */
  async take<T extends Stoppable>(starting: Promise<T>): Promise<T> {
    this.#started.push(starting);
    if (this.#over) await this.stopAll(); // what was begun before the signal goes on until it asks for something new
    return await starting;
  }

  /** Stops one thing before the others. */
  async stop(resource: Stoppable): Promise<void> {
    for (const [i, starting] of this.#started.entries())
      if ((await starting.catch(() => undefined)) === resource) {
        void this.#started.splice(i, 1);
        break;
      }
    await resource.stop();
  }

  /** Stops all of it, the last first; what cannot be stopped is told and does not keep the rest. */
  async stopAll(): Promise<void> {
    this.#over = true;
    for (let starting = this.#started.pop(); starting !== undefined; starting = this.#started.pop()) {
      const resource = await starting.catch(() => undefined);
      await resource?.stop().catch((error: Error) => console.error(`cannot stop: ${error.message}`));
    }
  }
}
