import { messageOf } from '../../common/errors.js';
import type { ExistingItem, Session } from './session.js';
import { walk } from './walk.js';

/** Does `change` to the paths and, if asked to, to everything below them; HDFS's words go in front of errors: `changing … of '/x'`. */
export async function changeAttributes(
  session: Session,
  paths: readonly string[],
  what: 'permissions' | 'ownership',
  recursive: boolean,
  change: (item: ExistingItem) => Promise<void>,
): Promise<void> {
  const changeOne = async (item: ExistingItem): Promise<void> => {
    try {
      await change(item);
    } catch (error) {
      await session.fail(
        session.signal.aborted ? error : new Error(`changing ${what} of '${item.shown}': ${messageOf(error)}`),
      );
    }
  };
  await session.forEach(paths, async (root) => {
    if (!recursive) await changeOne(root);
    else for await (const item of walk(session, root)) await changeOne(item);
  });
}
