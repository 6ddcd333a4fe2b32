/** The services of proto/ as TypeScript types, for those that implement them and those that call them. */
import type { BlockStreamDefinition } from '../../proto/generated/minihdfs/BlockStream.js';
import type { ClientProtocolDefinition } from '../../proto/generated/minihdfs/ClientProtocol.js';
import type { DatanodeProtocolDefinition } from '../../proto/generated/minihdfs/DatanodeProtocol.js';
import type { InterDatanodeProtocolDefinition } from '../../proto/generated/minihdfs/InterDatanodeProtocol.js';
import type { Client, Handlers } from './service.js';

export type ClientProtocolHandlers = Handlers<ClientProtocolDefinition, 'Fsck'>;
export type ClientProtocolClient = Client<ClientProtocolDefinition, 'Fsck'>;

export type DatanodeProtocolHandlers = Handlers<DatanodeProtocolDefinition>;
export type DatanodeProtocolClient = Client<DatanodeProtocolDefinition>;

export type InterDatanodeProtocolHandlers = Handlers<InterDatanodeProtocolDefinition>;
export type InterDatanodeProtocolClient = Client<InterDatanodeProtocolDefinition>;

export type BlockStreamHandlers = Handlers<BlockStreamDefinition, 'ReadBlock', 'WriteBlock'>;
export type BlockStreamClient = Client<BlockStreamDefinition, 'ReadBlock', 'WriteBlock'>;

/** Handlers and client of each service, by its name in proto/. */
export interface Services {
  readonly ClientProtocol: { readonly handlers: ClientProtocolHandlers; readonly client: ClientProtocolClient };
  readonly DatanodeProtocol: { readonly handlers: DatanodeProtocolHandlers; readonly client: DatanodeProtocolClient };
  readonly InterDatanodeProtocol: {
    readonly handlers: InterDatanodeProtocolHandlers;
    readonly client: InterDatanodeProtocolClient;
  };
  readonly BlockStream: { readonly handlers: BlockStreamHandlers; readonly client: BlockStreamClient };
}

export type ServiceName = keyof Services;
