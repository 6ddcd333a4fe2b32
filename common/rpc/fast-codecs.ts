import type { ServiceDefinition } from '@grpc/grpc-js';
import { decodeListing, encodeListing } from './listing-codec.js';
import { checksNumbers } from './message-check.js';

/** Methods whose messages are large and asked for often have functions of their own; the bytes are the same. */
export function withFastCodecs(definition: ServiceDefinition): ServiceDefinition {
  const { GetListing } = definition;
  if (GetListing === undefined) return definition;
  const codec = {
    responseSerialize: checksNumbers(encodeListing),
    responseDeserialize: checksNumbers(decodeListing),
  };
  return { ...definition, GetListing: { ...GetListing, ...codec } };
}
