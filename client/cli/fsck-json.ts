import { formatHostPort } from '../../common/config/kinds.js';
import type { FsckBlock, FsckFile, FsckStep, FsckSummary } from '../types.js';
import type { Output } from './output.js';

/** Whether all blocks can be read. Too few replicas are no damage: they are being repaired. */
export function isHealthy(summary: FsckSummary): boolean {
  return summary.missing === 0 && summary.corrupt === 0;
}

/**
 * Writes the whole check as one JSON object; returns whether the files are healthy. The files come first, as they are checked, and
 * are not held in memory; the counts follow.
 */
export async function writeFsckJson(out: Output, path: string, steps: AsyncIterable<FsckStep>): Promise<boolean> {
  let summary: FsckSummary | undefined;
  // The beginning waits for the first answer, so that an error leaves no half object.
  let separator = `{\n  "path": ${JSON.stringify(path)},\n  "files": [\n`;
  let anyFile = false;
  for await (const step of steps) {
    if (step.kind === 'summary') {
      summary = step.summary;
      continue;
    }
    await out.text(`${separator}    ${JSON.stringify(fileJson(step.file))}`);
    separator = ',\n';
    anyFile = true;
  }
  if (summary === undefined) throw new Error('the NameNode ended the check without a result');
  const counts = {
    status: isHealthy(summary) ? 'HEALTHY' : 'CORRUPT',
    totalFiles: summary.totalFiles,
    totalDirectories: summary.totalDirectories,
    totalBytes: summary.totalBytes,
    totalBlocks: summary.totalBlocks,
    underReplicated: summary.underReplicated,
    overReplicated: summary.overReplicated,
    misReplicated: summary.misReplicated,
    corrupt: summary.corrupt,
    missing: summary.missing,
    datanodes: summary.datanodes,
    racks: summary.racks,
  };
  await out.line(`${anyFile ? '\n  ' : separator.trimEnd()}],${JSON.stringify(counts, null, 2).slice(1)}`);
  return isHealthy(summary);
}

function fileJson(file: FsckFile): unknown {
  return { path: file.path, length: file.length, replication: file.replication, blocks: file.blocks.map(blockJson) };
}

/** Replicas that failed their checksums are not among the locations: nobody can read the block there. */
function blockJson({ block, replicas }: FsckBlock): unknown {
  return {
    blockId: block.blockId,
    generationStamp: block.generationStamp,
    length: block.numBytes,
    locations: replicas
      .filter(({ state }) => state !== 'CORRUPT')
      .map(({ datanode, rack, state }) => ({
        datanode: formatHostPort({ host: datanode.host, port: datanode.dataPort }),
        rack,
        state: state.toLowerCase(),
      })),
  };
}
