import type { Channel } from '../common/channel.js';
import type { Clock } from '../common/clock.js';

/** How long the other side may take to hear our last words and to close the connection. */
const LINGER_MS = 10_000;

/**
 * Ends our side and waits for the other one to close: closing at once, while bytes that nobody has read lie in the
 * socket, would make TCP reset the connection and take back what was said last.
 */
export async function closeGently(channel: Channel, clock: Clock): Promise<void> {
  const giveUp = clock.after(LINGER_MS, () => channel.destroy());
  try {
    channel.end();
    while ((await channel.read(LINGER_MS)) !== null);
  } catch {
    // The other side has closed the connection, or the time is over.
  } finally {
    giveUp.cancel();
    channel.destroy();
  }
}
