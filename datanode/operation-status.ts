import { Status } from '../common/data-transfer.js';
import { isDfsError } from '../common/errors.js';

/** How an error stands in the answer to an operation. */
export function statusOfError(error: unknown): Status {
  if (isDfsError(error, 'ReplicaAlreadyExists')) return Status.ERROR_EXISTS;
  if (isDfsError(error, 'InvalidArgument', 'ProtocolViolation', 'WrongCluster')) return Status.ERROR_INVALID;
  if (isDfsError(error, 'Unsupported')) return Status.ERROR_UNSUPPORTED;
  if (isDfsError(error, 'Corrupt')) return Status.ERROR_CHECKSUM;
  return Status.ERROR;
}
