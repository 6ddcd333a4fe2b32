/** Waiting for a state of the cluster or of a peer. */
import { setTimeout as sleep } from 'node:timers/promises';

const INTERVAL_MS = 50;

/** @throws {Error} naming `what` when it is not so within `limitMs`. */
export async function waitUntil(what: string, condition: () => Promise<boolean>, limitMs = 60_000): Promise<void> {
  for (const deadline = performance.now() + limitMs; !(await condition()); await sleep(INTERVAL_MS))
    if (performance.now() > deadline) throw new Error(`gave up waiting: ${what}`);
}
