/** TCP sockets that receive into slabs of memory (receive-slab.ts). */
import { connect, type OnReadOpts, Socket, type TcpNetConnectOpts } from 'node:net';
import { ReceiveSlab } from './receive-slab.js';

/** A socket that gives what it receives to a function, instead of in 'data' events. */
export class SlabSocket {
  readonly socket: Socket;
  /** To be set before the event loop goes on. */
  onChunk: (chunk: Buffer) => void = () => {};

  private constructor(open: (onread: OnReadOpts) => Socket) {
    const slab = new ReceiveSlab();
    this.socket = open({
      buffer: () => slab.room(),
      callback: (bytesRead) => {
        this.onChunk(slab.take(bytesRead));
        return true;
      },
    });
  }

  static connect(options: TcpNetConnectOpts): SlabSocket {
    return new SlabSocket((onread) => connect({ ...options, onread }));
  }

  /**
   * Takes over a connection from a server with `pauseOnConnect`. Node takes `onread` only where a socket is made, and servers
   * make theirs without; so a second socket is made around the same handle. Handles are no public part of Node: should they
   * go away, the socket stays as it was and gives its chunks in 'data' events.
   */
  static accept(accepted: Socket, allowHalfOpen: boolean): SlabSocket {
    const owner = accepted as unknown as { _handle?: unknown };
    const handle = owner._handle;
    if (handle === undefined || handle === null) {
      const plain = new SlabSocket(() => accepted);
      accepted.on('data', (chunk: Buffer) => plain.onChunk(chunk));
      return plain;
    }
    owner._handle = null;
    accepted.destroy();
    return new SlabSocket((onread) => {
      const options = { handle, onread, allowHalfOpen, readable: true, writable: true };
      return new Socket(options);
    });
  }
}
