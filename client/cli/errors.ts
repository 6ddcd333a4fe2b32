/**
 * Errors in the words of HDFS's shell: `ls: `/x': No such file or directory`. One table turns the cluster's errors, another the
 * operating system's, into those words; what neither knows keeps its own message.
 */
import { type ErrorName, isDfsError, messageOf, osErrorCode } from '../../common/errors.js';

/** Something is wrong with one path, local or remote. */
export class PathError extends Error {
  /** `path` as the user wrote it, or as it was found below what the user wrote. */
  constructor(path: string, problem: string, target?: string) {
    super(`\`${path}'${target === undefined ? '' : ` to \`${target}'`}: ${problem}`);
  }
}

/** The command line itself is wrong; the exit code is 255 (HDFS: -1). */
export class UsageError extends Error {}

/** Whoever read our output has gone (`dfs cat … | head`): no reason to say anything. */
export class OutputClosed extends Error {}

export const PROBLEMS = {
  notFound: 'No such file or directory',
  exists: 'File exists',
  isDirectory: 'Is a directory',
  isNotDirectory: 'Is not a directory',
  notEmpty: 'Directory is not empty',
  denied: 'Permission denied',
  unsupported: 'Operation not supported',
} as const;

const CLUSTER_PROBLEMS: Partial<Record<ErrorName, string>> = {
  FileNotFound: PROBLEMS.notFound,
  FileAlreadyExists: PROBLEMS.exists,
  IsADirectory: PROBLEMS.isDirectory,
  NotADirectory: PROBLEMS.isNotDirectory,
  ParentNotDirectory: PROBLEMS.isNotDirectory,
  PathIsNotEmptyDirectory: PROBLEMS.notEmpty,
};

const SYSTEM_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: PROBLEMS.notFound,
  EEXIST: PROBLEMS.exists,
  EISDIR: PROBLEMS.isDirectory,
  ENOTDIR: PROBLEMS.isNotDirectory,
  ENOTEMPTY: PROBLEMS.notEmpty,
  EACCES: PROBLEMS.denied,
  EPERM: 'Operation not permitted',
  ENOSPC: 'No space left on device',
  EDQUOT: 'Disk quota exceeded',
  EROFS: 'Read-only file system',
  EFBIG: 'File too large',
  ENAMETOOLONG: 'File name too long',
  ELOOP: 'Too many levels of symbolic links',
  EMFILE: 'Too many open files',
  EIO: 'Input/output error',
};

/** HDFS's words for an error of the cluster or of the operating system; undefined when there are none. */
export function pathProblem(error: unknown): string | undefined {
  return isDfsError(error) ? CLUSTER_PROBLEMS[error.name] : SYSTEM_PROBLEMS[osErrorCode(error) ?? ''];
}

/** The error as one of `path`, when there are HDFS's words for it; else as it is. */
export function asPathError(error: unknown, path: string): unknown {
  const problem = pathProblem(error);
  return problem === undefined ? error : new PathError(path, problem);
}

/** What to print about `error` behind `<verb>: `; `path` is what the verb was busy with, as the user wrote it. */
export function describeError(error: unknown, path?: string): string {
  return messageOf(path === undefined ? error : asPathError(error, path)).trim() || 'failed without a message';
}

/** True when there is nothing at the path, rather than something else being wrong. */
export function isMissing(error: unknown): boolean {
  return isDfsError(error, 'FileNotFound') || osErrorCode(error) === 'ENOENT';
}
