/** Bytes on a port, without any protocol. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';
import { waitFor } from '../harness.js';

export async function openSocket(t: ExecutionContext, address: string): Promise<Socket> {
  const [host = '', port = ''] = address.split(':');
  const socket = connect(Number(port), host);
  socket.on('error', () => {}); // the other side may reset it
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Sends `bytes`, then ends its side; resolves when the server has closed the connection too. Returns what it said. */
export async function sendAndEnd(t: ExecutionContext, address: string, bytes: Uint8Array): Promise<Buffer> {
  const socket = await openSocket(t, address);
  const answer: Buffer[] = [];
  socket.on('data', (data: Buffer) => answer.push(data));
  socket.end(bytes);
  await waitFor(() => socket.closed, `the end of the connection to ${address}`);
  return Buffer.concat(answer);
}
