/**
 * One hierarchy of errors for the whole project: a name that is stable on the wire, and one table that says how each name
 * shows itself as a gRPC status and as an errno, and whether sending the call again can help.
 */

interface ErrorKind {
  /** Name of the gRPC status code. */
  readonly grpc: string;
  readonly errno: string;
  /** True when the same call may succeed if it is sent again, after a pause, unchanged. */
  readonly retryable: boolean;
}

const kind = (grpc: string, errno: string, retryable = false): ErrorKind => ({ grpc, errno, retryable });

export const ERROR_KINDS = {
  // Namespace
  FileNotFound: kind('NOT_FOUND', 'ENOENT'),
  FileAlreadyExists: kind('ALREADY_EXISTS', 'EEXIST'),
  ParentNotDirectory: kind('FAILED_PRECONDITION', 'ENOTDIR'),
  NotADirectory: kind('FAILED_PRECONDITION', 'ENOTDIR'),
  IsADirectory: kind('FAILED_PRECONDITION', 'EISDIR'),
  PathIsNotEmptyDirectory: kind('FAILED_PRECONDITION', 'ENOTEMPTY'),
  InvalidPath: kind('INVALID_ARGUMENT', 'EINVAL'),
  PathTooLong: kind('INVALID_ARGUMENT', 'ENAMETOOLONG'),
  AccessControl: kind('PERMISSION_DENIED', 'EACCES'),
  // EPERM where POSIX tells "you may not do this to it" from "you may not reach it": chmod by one who does not own the file.
  NotOwner: kind('PERMISSION_DENIED', 'EPERM'),
  FileChanged: kind('FAILED_PRECONDITION', 'ESTALE'),
  XattrNotFound: kind('NOT_FOUND', 'ENODATA'),
  XattrExists: kind('ALREADY_EXISTS', 'EEXIST'),
  // Of extended attributes; HDFS's two kinds of quotas: NSQuotaExceededException, DSQuotaExceededException.
  QuotaExceeded: kind('RESOURCE_EXHAUSTED', 'EDQUOT'),
  NSQuotaExceeded: kind('RESOURCE_EXHAUSTED', 'EDQUOT'),
  DSQuotaExceeded: kind('RESOURCE_EXHAUSTED', 'EDQUOT'),
  TooManyChildren: kind('RESOURCE_EXHAUSTED', 'EMLINK'),
  TooManyBlocks: kind('RESOURCE_EXHAUSTED', 'EFBIG'),
  InvalidArgument: kind('INVALID_ARGUMENT', 'EINVAL'),
  Unsupported: kind('UNIMPLEMENTED', 'EOPNOTSUPP'),
  // Writing
  AlreadyBeingCreated: kind('FAILED_PRECONDITION', 'EBUSY'),
  LeaseExpired: kind('FAILED_PRECONDITION', 'ESTALE'),
  NotReplicatedYet: kind('FAILED_PRECONDITION', 'EAGAIN', true),
  NoTargets: kind('RESOURCE_EXHAUSTED', 'ENOSPC'),
  PipelineFailed: kind('ABORTED', 'EIO'),
  ReplicaAlreadyExists: kind('ALREADY_EXISTS', 'EEXIST'),
  StaleGenerationStamp: kind('FAILED_PRECONDITION', 'ESTALE'),
  // Reading
  ReplicaNotFound: kind('NOT_FOUND', 'ENOENT'),
  Corrupt: kind('DATA_LOSS', 'EIO'),
  BlockMissing: kind('UNAVAILABLE', 'EIO'),
  // The cluster's state
  SafeMode: kind('UNAVAILABLE', 'EROFS'),
  // Safe mode that ends by itself once the DataNodes are back. (HDFS wraps its SafeModeException in a RetriableException then.)
  StartupSafeMode: kind('UNAVAILABLE', 'EROFS', true),
  WrongCluster: kind('FAILED_PRECONDITION', 'EINVAL'),
  DisallowedDatanode: kind('PERMISSION_DENIED', 'EACCES'),
  UnknownDatanode: kind('FAILED_PRECONDITION', 'ENOENT'),
  RetryLater: kind('UNAVAILABLE', 'EAGAIN', true),
  Overloaded: kind('RESOURCE_EXHAUSTED', 'EAGAIN', true),
  NoSpace: kind('RESOURCE_EXHAUSTED', 'ENOSPC'),
  // The machine and the wire
  ConnectionLost: kind('UNAVAILABLE', 'ECONNRESET', true),
  Timeout: kind('DEADLINE_EXCEEDED', 'ETIMEDOUT', true),
  Cancelled: kind('CANCELLED', 'ECANCELED'),
  MessageTooLarge: kind('RESOURCE_EXHAUSTED', 'EMSGSIZE'),
  ProtocolViolation: kind('INVALID_ARGUMENT', 'EPROTO'),
  PortInUse: kind('FAILED_PRECONDITION', 'EADDRINUSE'),
  InvalidConfiguration: kind('FAILED_PRECONDITION', 'EINVAL'),
  DirectoryLocked: kind('FAILED_PRECONDITION', 'EBUSY'),
  DamagedMetadata: kind('DATA_LOSS', 'EIO'),
  Internal: kind('INTERNAL', 'EIO'),
} as const satisfies Record<string, ErrorKind>;

export type ErrorName = keyof typeof ERROR_KINDS;

export interface DfsErrorOptions {
  readonly cause?: unknown;
}

/** An error a user may read: what happened, to what, and what to do. Carries no stack trace to anyone but the log. */
export class DfsError extends Error {
  override readonly name: ErrorName;

  constructor(name: ErrorName, message: string, options: DfsErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = name;
  }

  get retryable(): boolean {
    return ERROR_KINDS[this.name].retryable;
  }

  get errno(): string {
    return ERROR_KINDS[this.name].errno;
  }
}

export function isDfsError(error: unknown, ...names: readonly ErrorName[]): error is DfsError {
  return error instanceof DfsError && (names.length === 0 || names.includes(error.name));
}

export function isErrorName(text: string): text is ErrorName {
  return Object.hasOwn(ERROR_KINDS, text);
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `error` as a DfsError, so that what leaves a process is always one. */
export function toDfsError(error: unknown): DfsError {
  return error instanceof DfsError ? error : new DfsError('Internal', messageOf(error), { cause: error });
}

/** The operating system's code of an error (ENOSPC, …), if it has one. */
export function osErrorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
