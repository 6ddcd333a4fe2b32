/** The services of proto/ as TypeScript types, for those that implement them and those that call them. */
import type { ClientProtocolDefinition } from '../../proto/generated/minihdfs/ClientProtocol.js';
import type { DatanodeProtocolDefinition } from '../../proto/generated/minihdfs/DatanodeProtocol.js';
import type { Client, Handlers } from './service.js';

export type ClientProtocolHandlers = Handlers<ClientProtocolDefinition, 'Fsck'>;
export type ClientProtocolClient = Client<ClientProtocolDefinition, 'Fsck'>;

export type DatanodeProtocolHandlers = Handlers<DatanodeProtocolDefinition>;
export type DatanodeProtocolClient = Client<DatanodeProtocolDefinition>;
