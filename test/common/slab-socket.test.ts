import { once } from 'node:events';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import test from 'ava';
import { SlabPool } from '../../common/receive-slab.js';
import { SlabSocket } from '../../common/slab-socket.js';

test('where Node shows no handle, an accepted socket gives what it receives all the same', async (t) => {
  const accepted = new PassThrough();
  accepted.pause();
  const slabSocket = SlabSocket.accept(new SlabPool(), accepted as unknown as Socket, true);
  const chunks: Buffer[] = [];
  slabSocket.onChunk = (chunk) => chunks.push(chunk);
  accepted.end('received');
  await once(slabSocket.socket, 'end');
  t.is(Buffer.concat(chunks).toString(), 'received');
  t.notThrows(() => slabSocket.recycle(chunks));
});
