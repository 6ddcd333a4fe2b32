/** From the header of a call to who makes it, and what he may do. */
import { DfsError } from '../../common/errors.js';
import type { CallHeader__Output } from '../../proto/generated/minihdfs/CallHeader.js';
import type { Call } from '../namesystem.js';
import type { UserGroups } from '../user-groups.js';
import { userName } from './fields.js';

const CLIENT_ID_BYTES = 16;
const NO_GROUPS: readonly string[] = [];

export interface CallerSettings {
  /** Who runs the NameNode. */
  readonly superuser: string;
  readonly supergroup: string;
  /** dfs.permissions.enabled; false: nobody is asked for permission. */
  readonly permissionsEnabled: boolean;
  /** As they are known at the moment. */
  readonly groups: () => UserGroups;
}

/** @throws DfsError `InvalidArgument` when the header is not of its form. */
export function callOf(settings: CallerSettings, header: CallHeader__Output | null): Call {
  const user = header === null || header.user === '' ? 'nobody' : userName('header.user', header.user);
  const groups = settings.groups().get(user) ?? NO_GROUPS;
  const superuser = !settings.permissionsEnabled || user === settings.superuser || groups.includes(settings.supergroup);
  return { user, groups, superuser, id: callId(header) };
}

function callId(header: CallHeader__Output | null): Call['id'] {
  if (header === null || header.clientId.length === 0) return undefined;
  const { clientId, callId: id } = header;
  if (clientId.length !== CLIENT_ID_BYTES) {
    throw new DfsError('InvalidArgument', `header.client_id must have ${CLIENT_ID_BYTES} bytes, or none`);
  }
  return { clientId: Buffer.from(clientId).toString('base64'), callId: id };
}
