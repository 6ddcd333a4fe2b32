/** DataNodes that are not there. */
import { connectService } from '../common/rpc/grpc-client.js';
import type { DatanodeProtocolClient } from '../common/rpc/services.js';
import { BLOCK, type SyntheticDatanode, type SyntheticNamespace } from './synthetic-namespace.js';
import type { Stoppable } from './tear-down.js';

const REPLICAS_PER_PART = 5000;
const HEARTBEAT_MS = 1000;

/** The DataNodes of a synthetic namespace, without data: they register, send heartbeats and report. */
export class SyntheticDatanodes implements Stoppable {
  readonly #namespace: SyntheticNamespace;
  readonly #connection;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #registrations = new Map<string, string>();

  constructor(address: string, namespace: SyntheticNamespace) {
    this.#namespace = namespace;
    this.#connection = connectService('DatanodeProtocol', address, { defaultTimeoutMs: 60_000, session: 'kept' });
  }

  get #rpc(): DatanodeProtocolClient {
    return this.#connection.client;
  }

  async start(clusterId: string): Promise<void> {
    for (const datanode of this.#namespace.datanodes) {
      const { uuid, port, rack } = datanode;
      const id = { uuid, host: '127.0.0.1', dataPort: port, rpcPort: port + 10, httpPort: port + 20 };
      const storages = [this.#storage(datanode)];
      const { registrationId } = await this.#rpc.Register({ id, rack, version: '0.1.0', clusterId, storages });
      this.#registrations.set(uuid, registrationId);
      const beat = (): void => void this.#heartbeat(datanode).catch(() => {});
      beat();
      this.#timers.push(setInterval(beat, HEARTBEAT_MS));
    }
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#connection.close();
  }

  /** Everything that the first one has, in parts. */
  async report(): Promise<void> {
    const [datanode] = this.#namespace.datanodes;
    if (datanode === undefined) return;
    const { firstBlock, blocks } = this.#namespace;
    for (let part = 0; part * REPLICAS_PER_PART < blocks; part++) {
      const start = part * REPLICAS_PER_PART;
      const count = Math.min(REPLICAS_PER_PART, blocks - start);
      await this.#rpc.BlockReport({
        datanodeUuid: datanode.uuid,
        registrationId: this.#registrations.get(datanode.uuid) ?? '',
        storageId: datanode.storageUuid,
        reportId: 1,
        part,
        lastPart: start + count === blocks,
        blockIds: Array.from({ length: count }, (_, i) => firstBlock + start + i),
        generationStamps: Array.from({ length: count }, () => BLOCK.generationStamp),
        lengths: Array.from({ length: count }, () => BLOCK.length),
      });
    }
  }

  async #heartbeat(datanode: SyntheticDatanode): Promise<void> {
    const registrationId = this.#registrations.get(datanode.uuid) ?? '';
    await this.#rpc.Heartbeat({ datanodeUuid: datanode.uuid, registrationId, storages: [this.#storage(datanode)] });
  }

  #storage({ storageUuid }: SyntheticDatanode) {
    const { blocks, digest } = this.#namespace;
    const usedBytes = blocks * BLOCK.length;
    const space = { capacityBytes: 2 * usedBytes + 1e12, usedBytes, remainingBytes: usedBytes + 1e12 };
    return { storageId: storageUuid, ...space, replicas: blocks, digest };
  }
}
