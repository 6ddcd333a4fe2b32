/** The program behind a request. */
import { readFile } from 'node:fs/promises';

/** SIGKILL's bit. The kernel sets it for every signal that ends a program. */
const KILLED = 1n << 8n;

/** Whether a thread of this machine is about to end: it waits for nothing but the answer to its request. False when that cannot be known. */
export async function isBeingKilled(threadId: number): Promise<boolean> {
  const status = await readFile(`/proc/${threadId}/status`, 'utf8').catch(() => '');
  return pendingSignals(status).some((signals) => (signals & KILLED) !== 0n);
}

/** Signals to the thread, and to its process, that have not reached it yet. */
function pendingSignals(status: string): bigint[] {
  return [...status.matchAll(/^(?:SigPnd|ShdPnd):\s*([0-9a-f]+)$/gm)].map(([, digits]) => BigInt(`0x${digits}`));
}
