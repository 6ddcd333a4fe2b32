/** What the verbs that set and clear quotas have in common. */
import type { QuotaChange } from '../types.js';
import { UsageError } from './errors.js';
import type { Session } from './session.js';

/** Tells about errors per directory, and goes on with the others, as HDFS does. */
export async function setQuotas(session: Session, directories: readonly string[], change: QuotaChange): Promise<void> {
  await session.forEach(directories, async (item) => (await session.fs(item)).setQuota(item.absolute, change));
}

/** The first argument, and the others. @throws UsageError when the first one is no such number. */
export function limitAndDirectories(
  [text = '', ...directories]: readonly string[],
  parse: (text: string) => number | undefined,
): [limit: number, directories: string[]] {
  const limit = parse(text);
  if (limit === undefined) throw new UsageError(`"${text}" is not a valid value for a quota.`);
  return [limit, directories];
}
