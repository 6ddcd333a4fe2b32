/** Whether a DataNode that sends no heartbeats still answers on one of its ports. */
import type { Network } from '../../common/channel.js';
import type { Address } from '../datanode-descriptor.js';

/** Never rejects; resolves after `timeoutMs` at the latest. */
export async function probeDatanode(
  network: Network,
  { host, dataPort, rpcPort }: Address,
  timeoutMs: number,
): Promise<boolean> {
  const answers = await Promise.all([dataPort, rpcPort].map((port) => answersAt(network, host, port, timeoutMs)));
  return answers.includes(true);
}

async function answersAt(network: Network, host: string, port: number, timeoutMs: number): Promise<boolean> {
  try {
    const channel = await network.connect(host, port, { timeoutMs });
    channel.destroy();
    return true;
  } catch {
    return false; // whatever the reason: nobody answers
  }
}
