/** What a replica's files say against what is known of it, and what follows. Pure; directory-scanner.ts looks and acts. */
import type { Block } from '../common/block.js';

/** The files of one block in finalized/. */
export interface FoundFiles {
  /** Length of the data file; undefined when there is none. */
  readonly dataBytes: number | undefined;
  /** Whether there is a meta file with the stamp that was looked for. */
  readonly hasMeta: boolean;
  /** What is wrong with the meta file, or why it does not belong to so many bytes of data. */
  readonly metaFault: string | undefined;
}

export type Finding =
  | { readonly kind: 'asKnown' }
  /** The replica is gone: to be forgotten, so that the NameNode has the block copied. */
  | { readonly kind: 'missing' }
  | { readonly kind: 'corrupt'; readonly reason: string }
  /** A good replica that nobody knew of, of so many bytes. */
  | { readonly kind: 'unknown'; readonly numBytes: number }
  /** Files of which no replica can be made. */
  | { readonly kind: 'debris' };

const AS_KNOWN: Finding = { kind: 'asKnown' };

/** `known`: the finalized replica; undefined when there is none. */
export function reconcile(known: Block | undefined, found: FoundFiles): Finding {
  return known === undefined ? judgeUnknown(found) : judgeKnown(known, found);
}

function judgeUnknown({ dataBytes, hasMeta, metaFault }: FoundFiles): Finding {
  if (dataBytes === undefined && !hasMeta) return AS_KNOWN;
  const isWhole = dataBytes !== undefined && hasMeta && metaFault === undefined;
  return isWhole ? { kind: 'unknown', numBytes: dataBytes } : { kind: 'debris' };
}

function judgeKnown({ numBytes }: Block, { dataBytes, hasMeta, metaFault }: FoundFiles): Finding {
  if (dataBytes === undefined) return { kind: 'missing' };
  if (dataBytes !== numBytes) {
    return { kind: 'corrupt', reason: `the data file has ${dataBytes} bytes instead of ${numBytes}` };
  }
  if (!hasMeta) return { kind: 'corrupt', reason: 'there is no meta file' };
  return metaFault === undefined ? AS_KNOWN : { kind: 'corrupt', reason: metaFault };
}
