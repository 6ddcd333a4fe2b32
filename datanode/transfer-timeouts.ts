/** How long a DataNode waits for the others on the data plane. */

export interface TransferTimeouts {
  /**
   * For bytes from the other side: `dfs.client.socket-timeout`. A writer that has nothing to say sends heartbeats more
   * often.
   */
  readonly readTimeoutMs: number;
  /** For the other side to take bytes: `dfs.datanode.socket.write.timeout`. */
  readonly writeTimeoutMs: number;
  /** For the next operation on a connection: `dfs.datanode.socket.reuse.keepalive`. */
  readonly keepAliveMs: number;
}

/**
 * Each node waits this much longer than the one behind it, so that the node next to the silence is the first to notice,
 * and says who it is. HDFS: READ_TIMEOUT_EXTENSION.
 */
const TIMEOUT_EXTENSION_MS = 5000;

/** How long to wait for an answer that `nodesBehind` nodes, one after the other, have a part in. */
export function downstreamTimeoutMs({ readTimeoutMs }: TransferTimeouts, nodesBehind: number): number {
  return readTimeoutMs + TIMEOUT_EXTENSION_MS * nodesBehind;
}
