/** What a program is told when something fails. */
import { constants } from 'node:os';
import { type ErrorName, toDfsError } from '../../common/errors.js';

const NUMBERS: Readonly<Record<string, number>> = constants.errno;

/** The cluster could not be reached, or did not do its work: no program knows these as errors of a file. */
const IO_ERRORS: ReadonlySet<ErrorName> = new Set([
  'ConnectionLost',
  'Timeout',
  'RetryLater',
  'Overloaded',
  'NotReplicatedYet',
  'ProtocolViolation',
  'ReplicaNotFound',
  'Internal',
]);

/** Thrown for an errno that no DfsError stands for. */
export class Errno extends Error {
  readonly errno: number;

  constructor(name: keyof typeof constants.errno) {
    super(name);
    this.errno = constants.errno[name];
  }
}

export interface Failure {
  readonly errno: number;
  /** True for what is not the program's doing: the log should say why. */
  readonly isUnexpected: boolean;
}

export function failureOf(error: unknown): Failure {
  if (error instanceof Errno) return { errno: error.errno, isUnexpected: false };
  const { name, errno } = toDfsError(error);
  const number = IO_ERRORS.has(name) ? constants.errno.EIO : NUMBERS[errno];
  return {
    errno: number ?? constants.errno.EIO,
    isUnexpected: number === undefined || number === constants.errno.EIO || number === constants.errno.ESTALE,
  };
}
