/** What all servers of handlers have in common, however the calls come. */
import { DfsError } from '../errors.js';
import type { Logger } from '../logging.js';
import { MalformedMessage } from './message-check.js';

/** @throws DfsError `ProtocolViolation` for what stands in the place of a request that could not be read. */
export function wellFormed(request: unknown): unknown {
  if (request instanceof MalformedMessage) {
    throw new DfsError('ProtocolViolation', `The request cannot be read: ${request.reason}.`);
  }
  return request;
}

/** What the caller is told of an error: a DfsError is meant for it, of anything else the details go to the log. */
export function publicError(error: unknown, method: string, logger: Logger): DfsError {
  if (error instanceof DfsError) return error;
  logger.error({ err: error, method }, 'a call failed for an unforeseen reason');
  return new DfsError('Internal', 'The server failed to carry out the call; its log has the reason.');
}

/** The address without port of gRPC's name for a peer, `127.0.0.1:1234`. */
export function hostOfPeer(peer: string): string {
  const host = peer.slice(0, Math.max(peer.lastIndexOf(':'), 0));
  return host.startsWith('::ffff:') ? host.slice('::ffff:'.length) : host;
}
