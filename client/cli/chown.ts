import { changeAttributes } from './change-attributes.js';
import { UsageError } from './errors.js';
import type { Session } from './session.js';

/** What `chown` and `chgrp` share. */
export async function runChown(
  session: Session,
  paths: readonly string[],
  wanted: { readonly owner?: string | undefined; readonly group?: string | undefined },
  recursive: boolean,
): Promise<void> {
  if (paths.length === 0) throw new UsageError('a path is missing.');
  await changeAttributes(session, paths, 'ownership', recursive, async ({ status, ...path }) => {
    const owner = wanted.owner === status.owner ? undefined : wanted.owner;
    const group = wanted.group === status.group ? undefined : wanted.group;
    if (owner !== undefined || group !== undefined)
      await (await session.fs(path)).setOwner(path.absolute, { owner, group });
  });
}
