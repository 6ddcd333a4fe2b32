/** Many DataNodes without replicas, which register and send heartbeats as real ones do, all over one connection. */
import { connectService } from '../common/rpc/grpc-client.js';

const INTERVAL_MS = 3000;
const FIRST_PORT = 30_000;
const RACKS = 20;
const REGISTERING = 16;

interface Beating {
  readonly uuid: string;
  readonly storageId: string;
  readonly port: number;
  registrationId: string;
}

export class HeartbeatingDatanodes {
  readonly #connection;
  readonly #datanodes: readonly Beating[];
  sent = 0;
  /** Until the answer to a heartbeat, at most. */
  longestMs = 0;

  constructor(address: string, count: number) {
    this.#connection = connectService('DatanodeProtocol', address, { defaultTimeoutMs: 60_000 });
    this.#datanodes = Array.from({ length: count }, (_, i) => {
      const uuid = `00000000-0000-4000-9000-${String(i).padStart(12, '0')}`;
      return { uuid, storageId: `DS-${uuid}`, port: FIRST_PORT + i, registrationId: '' };
    });
  }

  async register(clusterId: string): Promise<void> {
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let i = next++; i < this.#datanodes.length; i = next++) {
        const datanode = this.#datanodes[i] as Beating;
        const { uuid, port } = datanode;
        const id = { uuid, host: '127.0.0.1', dataPort: port, rpcPort: port, httpPort: port };
        const storages = [storageOf(datanode)];
        const request = { id, rack: `/rack${i % RACKS}`, version: '0.1.0', clusterId, storages };
        datanode.registrationId = (await this.#connection.client.Register(request)).registrationId;
      }
    };
    await Promise.all(Array.from({ length: REGISTERING }, worker));
  }

  /** Each sends one every {@link INTERVAL_MS}, not all at once, for `forMs`. @throws {Error} if one is refused. */
  async beat(forMs: number): Promise<void> {
    const until = performance.now() + forMs;
    const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
    const live = async (datanode: Beating, i: number): Promise<void> => {
      await pause((i / this.#datanodes.length) * INTERVAL_MS);
      while (performance.now() < until) {
        await this.#heartbeat(datanode);
        await pause(INTERVAL_MS);
      }
    };
    await Promise.all(this.#datanodes.map(live));
  }

  close(): void {
    this.#connection.close();
  }

  async #heartbeat(datanode: Beating): Promise<void> {
    const { uuid, registrationId } = datanode;
    const start = performance.now();
    await this.#connection.client.Heartbeat({ datanodeUuid: uuid, registrationId, storages: [storageOf(datanode)] });
    this.longestMs = Math.max(this.longestMs, performance.now() - start);
    this.sent++;
  }
}

function storageOf({ storageId }: Beating) {
  const space = { capacityBytes: 1e12, usedBytes: 0, remainingBytes: 1e12 };
  return { storageId, ...space, replicas: 0, digest: Buffer.alloc(8) };
}
