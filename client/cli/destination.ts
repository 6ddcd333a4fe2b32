/** HDFS's rules on where copies and moves go. They are the same for local and remote destinations. */
import { PathError, PROBLEMS } from './errors.js';

export interface Destination {
  /** As the user wrote it. */
  readonly shown: string;
  readonly kind: 'missing' | 'file' | 'directory';
  /** Written with a slash at its end, or as `.` or `..`. */
  readonly looksLikeDirectory: boolean;
  parentExists(): Promise<boolean>;
}

/**
 * Several sources need a directory. One source may go into a directory, or become a new name in a directory that exists, or replace a
 * file if that is allowed.
 * @throws PathError
 */
export async function checkDestination(
  destination: Destination,
  sourceCount: number,
  overwrite: boolean,
): Promise<void> {
  const { shown, kind, looksLikeDirectory } = destination;
  if (kind === 'directory') return;
  if (sourceCount > 1) throw new PathError(shown, kind === 'file' ? PROBLEMS.isNotDirectory : PROBLEMS.notFound);
  if (kind === 'file' && looksLikeDirectory) throw new PathError(shown, PROBLEMS.isNotDirectory);
  if (kind === 'file' && !overwrite) throw new PathError(shown, PROBLEMS.exists);
  if (kind === 'missing' && (looksLikeDirectory || !(await destination.parentExists()))) {
    throw new PathError(shown, PROBLEMS.notFound);
  }
}
