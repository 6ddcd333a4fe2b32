/** The state of the blocks of a cluster, as fsck tells it. */
import type { ExecutionContext } from 'ava';
import type { FileSystem, FsckBlock, FsckFile, FsckSummary } from '../../../client/index.js';
import { type TestCluster, waitFor } from '../harness.js';

export interface Health {
  readonly files: readonly FsckFile[];
  readonly summary: FsckSummary;
}

export async function healthOf(fs: FileSystem, path = '/'): Promise<Health> {
  const files: FsckFile[] = [];
  let summary: FsckSummary | undefined;
  for await (const step of fs.fsck(path)) {
    if (step.kind === 'file') files.push(step.file);
    else summary = step.summary;
  }
  if (summary === undefined) throw new Error('fsck ended without a summary');
  return { files, summary };
}

/** Every block has as many good replicas as its file asks for, no more, on two racks. */
export function isWhole({ files }: Health): boolean {
  return files.every((file) => file.blocks.every((block) => blockIsWhole(block, file.replication)));
}

function blockIsWhole({ replicas, live, misReplicated }: FsckBlock, replication: number): boolean {
  const racks = new Set(replicas.map(({ rack }) => rack));
  return live === replication && replicas.length === replication && !misReplicated && racks.size > 1;
}

export async function waitUntilWhole(fs: FileSystem, path = '/', timeoutMs?: number): Promise<Health> {
  let last: Health | undefined;
  try {
    return await waitFor(
      async () => {
        last = await healthOf(fs, path);
        return isWhole(last) && last;
      },
      `all blocks below ${path} to have their replicas`,
      timeoutMs,
    );
  } catch (error) {
    throw new Error(`${String(error)}; the last check said ${last === undefined ? 'nothing' : whatIsWrong(last)}`, {
      cause: error,
    });
  }
}

/** The first blocks that are not whole: what a failure is understood by. */
function whatIsWrong({ files, summary }: Health): string {
  const wrong = files.flatMap((file) =>
    file.blocks
      .filter((block) => !blockIsWhole(block, file.replication))
      .map((block) => ({ path: file.path, ...block })),
  );
  return JSON.stringify({ wrong: wrong.length, first: wrong.slice(0, 3), summary });
}

/** What `dfs fsck --json` prints. */
export interface FsckJson {
  readonly path: string;
  readonly status: 'HEALTHY' | 'CORRUPT';
  readonly totalFiles: number;
  readonly totalBlocks: number;
  readonly underReplicated: number;
  readonly overReplicated: number;
  readonly misReplicated: number;
  readonly corrupt: number;
  readonly missing: number;
  readonly files: readonly {
    readonly path: string;
    readonly length: number;
    readonly replication: number;
    readonly blocks: readonly {
      readonly blockId: number;
      readonly generationStamp: number;
      readonly length: number;
      readonly locations: readonly { readonly datanode: string; readonly rack: string }[];
    }[];
  }[];
}

/** The check of the command line says that everything below `path` is well: three replicas of each block on two racks. */
export async function assertFsckWhole(t: ExecutionContext, cluster: TestCluster, path = '/'): Promise<FsckJson> {
  const { stdout, code } = await cluster.dfs(['fsck', path, '--json']);
  const report = JSON.parse(stdout) as FsckJson;
  t.is(code, 0);
  t.is(report.status, 'HEALTHY');
  const { underReplicated, overReplicated, misReplicated, corrupt, missing } = report;
  t.deepEqual(
    { underReplicated, overReplicated, misReplicated, corrupt, missing },
    { underReplicated: 0, overReplicated: 0, misReplicated: 0, corrupt: 0, missing: 0 },
  );
  for (const file of report.files) {
    for (const { blockId, locations } of file.blocks) {
      const nodes = new Set(locations.map(({ datanode }) => datanode));
      const racks = new Set(locations.map(({ rack }) => rack));
      t.deepEqual([nodes.size, racks.size], [3, 2], `block ${blockId} of ${file.path}`);
    }
    t.is(
      file.blocks.reduce((sum, { length }) => sum + length, 0),
      file.length,
      file.path,
    );
  }
  return report;
}
