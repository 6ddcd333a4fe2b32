/** One version of one block; the same in memory, on the wire and in file names. */
export interface Block {
  readonly blockId: number;
  readonly generationStamp: number;
  /** Length in bytes; of a block that is being written, as far as known. */
  readonly numBytes: number;
}

/** `blk_1073741825_1001`, as it stands in logs and messages. */
export function blockName(block: Pick<Block, 'blockId' | 'generationStamp'>): string {
  return `blk_${block.blockId}_${block.generationStamp}`;
}
