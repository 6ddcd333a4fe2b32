/**
 * Byte streams between processes (the data plane) enter the cluster only through here; tcp-channel.ts is TCP's side of it, and a
 * simulated network another. A channel is read by pulling: nothing is taken from the socket that nobody asked for, so a slow
 * reader slows its sender down.
 */

export interface Channel {
  /** `host:port` of the other side, for messages to people. */
  readonly peer: string;
  /**
   * The next bytes, as many as came at once; null when the other side has ended its stream. At most one read at a time.
   * @throws DfsError `ConnectionLost` when the connection broke, `Timeout` when nothing came within `timeoutMs` (0: wait for ever).
   */
  read(timeoutMs: number): Promise<Buffer | null>;
  /**
   * Sends `buffers` in order, without copying them together; resolves once the channel takes more. The caller must not
   * change them afterwards. Writes may be issued without waiting only if the sum is bounded elsewhere.
   * @throws DfsError `ConnectionLost`, `Timeout` (the other side took nothing for `timeoutMs`).
   */
  write(buffers: readonly Uint8Array[], timeoutMs: number): Promise<void>;
  /**
   * Gives back memory that {@link read} brought, in whatever slices, to be received into again. Only for bytes that nobody looks
   * at any more, and each only once; whoever is not sure leaves it to the garbage collector.
   */
  recycle?(buffers: readonly Uint8Array[]): void;
  /** Ends our side of the stream after all that was written. */
  end(): void;
  /**
   * Closes both directions at once; pending reads and writes reject with `ConnectionLost`. The other side can still read what
   * had left us; then it sees the end of the stream, or `ConnectionLost` when something that it had sent was not read. May be
   * called more than once. Whoever has a channel must destroy it in the end: a half-closed one holds its resources.
   */
  destroy(): void;
}

export interface Listener {
  readonly host: string;
  /** The port that was really taken, when 0 was asked for. */
  readonly port: number;
  /** Stops accepting; existing channels stay. */
  close(): Promise<void>;
}

export interface ConnectOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Network {
  /** @throws DfsError `ConnectionLost` (refused, unreachable, unknown host), `Timeout`. */
  connect(host: string, port: number, options: ConnectOptions): Promise<Channel>;
  /** @throws DfsError `PortInUse`, naming the port. */
  listen(host: string, port: number, onChannel: (channel: Channel) => void): Promise<Listener>;
}
