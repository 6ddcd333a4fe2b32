/**
 * The seam between services and what carries their calls. A service is a record of plain functions from request to response;
 * gRPC (grpc-server.ts, grpc-client.ts) is one way to reach it, a direct call in a simulation another.
 */
import type { MethodDefinition } from '@grpc/proto-loader';

/** What a handler may know about a call besides its request. */
export interface CallContext {
  /** Address of the caller, without port. */
  readonly peerHost: string;
  /** Aborts when the caller has gone or its deadline has passed. */
  readonly signal: AbortSignal;
}

export interface CallOptions {
  /** How long the caller waits for the answer. Default: that of the client it is called on. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Names of the methods of a generated definition, without the index signature that the generator adds. */
type MethodNames<Definition> = keyof {
  [Name in keyof Definition as string extends Name ? never : Name]: unknown;
};

/**
 * The methods of a generated definition as functions to implement. `Streaming` names those that answer with a stream: they
 * return an AsyncIterable. `Uploading` names those that are sent a stream: they are given an AsyncIterable.
 */
export type Handlers<
  Definition,
  Streaming extends MethodNames<Definition> = never,
  Uploading extends MethodNames<Definition> = never,
> = {
  [Name in MethodNames<Definition>]: Definition[Name] extends MethodDefinition<
    infer _In,
    infer Response,
    infer Request,
    infer _Out
  >
    ? (
        request: Name extends Uploading ? AsyncIterable<Request> : Request,
        context: CallContext,
      ) => Name extends Streaming ? AsyncIterable<Response> : Promise<Response>
    : never;
};

/** The same methods as functions to call. They reject (streams: throw while read) with a DfsError. */
export type Client<
  Definition,
  Streaming extends MethodNames<Definition> = never,
  Uploading extends MethodNames<Definition> = never,
> = {
  [Name in MethodNames<Definition>]: Definition[Name] extends MethodDefinition<
    infer Request,
    infer _In,
    infer _Out,
    infer Response
  >
    ? (
        request: Name extends Uploading ? AsyncIterable<Request> : Request,
        options?: CallOptions,
      ) => Name extends Streaming ? AsyncIterable<Response> : Promise<Response>
    : never;
};
