/**
 * How fast the namespace is by itself: durable creates and reads of status in one process, without gRPC. Prints a table;
 * `node --import=tsx bench/namesystem.ts [files] [directory for the data]`.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../common/clock.js';
import { createLogger } from '../common/logging.js';
import { nodeDisk } from '../common/node-disk.js';
import { LeaseManager } from '../namenode/lease-manager.js';
import type { Call, Namesystem } from '../namenode/namesystem.js';
import { create } from '../namenode/operations/create.js';
import { deletePath } from '../namenode/operations/delete.js';
import { mkdirs } from '../namenode/operations/mkdirs.js';
import { fileInfo, listing } from '../namenode/operations/read-namespace.js';
import { rename } from '../namenode/operations/rename.js';
import { parsePath } from '../namenode/paths.js';
import { RetryTime } from '../namenode/retry-time.js';
import { GroupCommitJournal } from '../namenode/storage/group-commit.js';
import { formatNameDirectory, openNameDirectory } from '../namenode/storage/name-directory.js';
import { FakeBlocks } from '../test/namenode/support/fake-blocks.js';
import { SETTINGS } from '../test/namenode/support/namesystem-fixture.js';

const files = Number(process.argv[2] ?? 50_000);
const parent = process.argv[3] ?? tmpdir();
const CONCURRENT = 128;

mkdirSync(parent, { recursive: true });
const directory = mkdtempSync(join(parent, 'bench-namesystem-'));
const logger = createLogger({ name: 'bench', level: 'warn' });
await formatNameDirectory({
  disk: nodeDisk,
  directory,
  clusterId: 'CID-bench',
  owner: 'bench',
  group: 'supergroup',
  timeMs: Date.now(),
  force: false,
});
const opened = await openNameDirectory({ disk: nodeDisk, directory, segmentBytesMax: 64 * 2 ** 20, logger });
let syncs = 0;
let syncMs = 0;
const journal = new GroupCommitJournal({
  db: opened.connections.writing,
  committed: opened.connections.reading,
  log: opened.log,
  clock: systemClock,
  logger,
  observer: {
    batch(records, ms) {
      if (records > 0) syncs++;
      syncMs += ms;
    },
    batchFailed: (error) => console.error(error),
    fatal: (error) => console.error(error),
  },
});
const ns: Namesystem = {
  journal,
  blocks: new FakeBlocks(),
  leases: new LeaseManager({ softLimitMs: 60_000, hardLimitMs: 1_200_000 }),
  clock: systemClock,
  retryTime: new RetryTime(systemClock),
  logger,
  settings: { ...SETTINGS, maxDirectoryItems: 1_048_576 },
  onDeleted: () => {},
};
const DIRECTORIES = 100;
const pathOf = (i: number) => parsePath(`/bench/dir-${i % DIRECTORIES}/file-${i}`);
const caller: Call = { user: 'alice', groups: ['users'], superuser: false };
const clientId = Buffer.alloc(16, 7).toString('base64');
let callId = 0;
const nextCall = (): Call => ({ ...caller, id: { clientId, callId: callId++ } });
const superuser: Call = { ...caller, superuser: true };
for (let i = 0; i < DIRECTORIES; i++) {
  await mkdirs(ns, superuser, {
    path: parsePath(`/bench/dir-${i}`),
    mode: 0o777,
    createParent: true,
    exclusive: false,
  });
}

interface Result {
  readonly what: string;
  readonly perSecond: number;
  readonly p50Ms: string;
  readonly p99Ms: string;
  readonly syncs: number;
}

/** Runs `operation` for 0 … count - 1, `concurrent` at a time. */
async function measure(
  what: string,
  count: number,
  concurrent: number,
  operation: (i: number) => Promise<unknown>,
): Promise<Result> {
  const latenciesMs = new Float64Array(count);
  const syncsBefore = syncs;
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < count; i = next++) {
      const startMs = performance.now();
      await operation(i);
      latenciesMs[i] = performance.now() - startMs;
    }
  };
  const startMs = performance.now();
  await Promise.all(Array.from({ length: concurrent }, worker));
  const seconds = (performance.now() - startMs) / 1000;
  latenciesMs.sort();
  const quantile = (q: number) => (latenciesMs[Math.floor((count - 1) * q)] as number).toFixed(2);
  return {
    what,
    perSecond: Math.round(count / seconds),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    syncs: syncs - syncsBefore,
  };
}

const results: Result[] = [];
const createFile = (i: number) =>
  create(ns, nextCall(), {
    path: pathOf(i),
    clientName: 'bench',
    mode: 0o644,
    overwrite: false,
    createParent: false,
    replication: 3,
    blockSizeBytes: 1000,
  });
results.push(await measure(`create, ${CONCURRENT} at a time`, files, CONCURRENT, createFile));
results.push(await measure('create, 1 at a time', Math.min(files, 3000), 1, (i) => createFile(files + i)));
results.push(await measure('stat', files * 2, 1, async (i) => fileInfo(ns, caller, pathOf((i * 7919) % files))));
results.push(
  await measure('list (a page)', 500, 1, async (i) =>
    listing(ns, caller, parsePath(`/bench/dir-${i % DIRECTORIES}`), '', 0),
  ),
);
results.push(
  await measure(`rename, ${CONCURRENT} at a time`, Math.min(files, 20_000), CONCURRENT, (i) =>
    rename(ns, nextCall(), {
      source: pathOf(i),
      destination: parsePath(`${pathOf(i).text}.renamed`),
      overwrite: false,
      exact: true,
    }),
  ),
);
results.push(
  await measure(`delete, ${CONCURRENT} at a time`, Math.min(files, 20_000), CONCURRENT, (i) =>
    deletePath(ns, nextCall(), parsePath(`${pathOf(i).text}.renamed`), false),
  ),
);
console.table(results);
console.log({ meanSyncMs: (syncMs / syncs).toFixed(3), rssMiB: Math.round(process.memoryUsage.rss() / 2 ** 20) });
await journal.close();
await opened.close();
rmSync(directory, { recursive: true, force: true });
