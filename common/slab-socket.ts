/** TCP sockets that receive into slabs of memory (receive-slab.ts). */
import { connect, type OnReadOpts, Socket, type TcpNetConnectOpts } from 'node:net';
import { ReceiveSlab, type SlabPool } from './receive-slab.js';

/** A socket that gives what it receives to a function, instead of in 'data' events. */
export class SlabSocket {
  readonly socket: Socket;
  readonly #slab: ReceiveSlab;
  /** To be set before the event loop goes on. */
  onChunk: (chunk: Buffer) => void = () => {};

  private constructor(pool: SlabPool, open: (onread: OnReadOpts) => Socket) {
    this.#slab = new ReceiveSlab(pool);
    this.socket = open({
      buffer: () => this.#slab.room(),
      callback: (bytesRead) => {
        this.onChunk(this.#slab.take(bytesRead));
        return true;
      },
    });
  }

  static connect(pool: SlabPool, options: TcpNetConnectOpts): SlabSocket {
    return new SlabSocket(pool, (onread) => connect({ ...options, onread }));
  }

  /**
   * Takes over a connection from a server with `pauseOnConnect`. Node takes `onread` only where a socket is made, and servers
   * make theirs without; so a second socket is made around the same handle. Handles are no public part of Node: should they
   * go away, the socket stays as it was and gives its chunks in 'data' events.
   */
  static accept(pool: SlabPool, accepted: Socket, allowHalfOpen: boolean): SlabSocket {
    const owner = accepted as unknown as { _handle?: unknown };
    const handle = owner._handle;
    if (handle === undefined || handle === null) {
      const plain = new SlabSocket(pool, () => accepted);
      accepted.on('data', (chunk: Buffer) => plain.onChunk(chunk));
      accepted.resume();
      return plain;
    }
    owner._handle = null;
    accepted.destroy();
    return new SlabSocket(pool, (onread) => {
      const options = { handle, onread, allowHalfOpen, readable: true, writable: true };
      return new Socket(options);
    });
  }

  /** See {@link ReceiveSlab.recycle}. */
  recycle(buffers: readonly Uint8Array[]): void {
    this.#slab.recycle(buffers);
  }
}
