/**
 * DfsErrors as gRPC statuses and back. The status code is for programs that know nothing but gRPC; the error's name travels in
 * the trailing metadata `dfs-error`.
 */
import type { StatusObject } from '@grpc/grpc-js';
import { Metadata, status as Status } from '@grpc/grpc-js';
import type { ErrorName } from '../errors.js';
import { DfsError, ERROR_KINDS, isErrorName } from '../errors.js';

const ERROR_METADATA = 'dfs-error';

/** The message stands in an HTTP/2 header, where a byte takes up to three and all headers together have 64 KiB. */
const MAX_MESSAGE_LENGTH = 8 * 1024;

export type ErrorStatus = Pick<StatusObject, 'code' | 'details'> & { metadata: Metadata };

export function statusOf(error: DfsError): ErrorStatus {
  const metadata = new Metadata();
  metadata.set(ERROR_METADATA, error.name);
  const code = Status[ERROR_KINDS[error.name].grpc as keyof typeof Status];
  return { code, details: shortMessage(error.message), metadata };
}

/** Half surrogate pairs, which a path may hold, cannot be encoded for the header: they would end the process. */
export function shortMessage(message: string): string {
  const wellFormed = Buffer.from(message).toString();
  return wellFormed.length <= MAX_MESSAGE_LENGTH ? wellFormed : truncated(wellFormed);
}

function truncated(text: string): string {
  return Buffer.from(`${text.slice(0, MAX_MESSAGE_LENGTH - 1)}…`).toString();
}

/** Whom a call went to, for messages. */
export interface CallTarget {
  /** `NameNode` or `DataNode`. */
  readonly role: string;
  /** `host:port`. */
  readonly address: string;
  readonly method: string;
  readonly timeoutMs: number;
}

export function errorOf(failure: Pick<StatusObject, 'code' | 'details' | 'metadata'>, target: CallTarget): DfsError {
  const [name] = failure.metadata?.get(ERROR_METADATA) ?? [];
  if (typeof name === 'string' && isErrorName(name)) return new DfsError(name, failure.details);
  const [unnamed, message] = unnamedError(failure.code, failure.details, target);
  return new DfsError(unnamed, message, { cause: failure });
}

/** Failures of the connection and of gRPC itself, which no handler has named. */
function unnamedError(code: Status, details: string, target: CallTarget): [ErrorName, string] {
  const { role, address, method, timeoutMs } = target;
  switch (code) {
    case Status.UNAVAILABLE:
      return [
        'ConnectionLost',
        `Cannot reach the ${role} at ${address}: ${connectionProblem(details)}. ${hint(details)}`,
      ];
    case Status.DEADLINE_EXCEEDED:
      return ['Timeout', `The ${role} at ${address} did not answer ${method} within ${timeoutMs} ms.`];
    case Status.CANCELLED:
      return ['Cancelled', `${method} at ${address} was cancelled.`];
    case Status.RESOURCE_EXHAUSTED:
      return /larger than|size/.test(details)
        ? [
            'MessageTooLarge',
            `A message of ${method} is larger than the ${role} at ${address} or this client takes: ${details}.`,
          ]
        : ['Overloaded', `The ${role} at ${address} is overloaded: ${details}.`];
    case Status.UNIMPLEMENTED:
      return ['Unsupported', `The server at ${address} does not know ${method}. Is it a ${role} of this version?`];
    default:
      return ['Internal', `${method} at ${address} failed: ${details}.`];
  }
}

const CONNECTION_PROBLEMS: readonly (readonly [pattern: RegExp, problem: string])[] = [
  [/ECONNREFUSED/, 'connection refused'],
  [/Name resolution failed|ENOTFOUND|EAI_AGAIN/, 'unknown host'],
  [/ETIMEDOUT/, 'the connection timed out'],
  [/EHOSTUNREACH/, 'no route to the host'],
  [/ENETUNREACH/, 'the network is unreachable'],
];

function connectionProblem(details: string): string {
  return CONNECTION_PROBLEMS.find(([pattern]) => pattern.test(details))?.[1] ?? 'the connection was lost';
}

function hint(details: string): string {
  return /Name resolution failed|ENOTFOUND|EAI_AGAIN/.test(details)
    ? 'Is the host name right?'
    : 'Is it running, and is this its address?';
}
