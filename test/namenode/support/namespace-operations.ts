import fc from 'fast-check';
import type { Block } from '../../../common/block.js';
import { DfsError, isDfsError } from '../../../common/errors.js';
import { pathOf, requireInode } from '../../../namenode/inode-tree.js';
import type { Call } from '../../../namenode/namesystem.js';
import { change } from '../../../namenode/namesystem.js';
import { addBlock } from '../../../namenode/operations/add-block.js';
import { append } from '../../../namenode/operations/append.js';
import { setAttributes, setOwner, setPermission, setReplication } from '../../../namenode/operations/attributes.js';
import { commitBlockSynchronization } from '../../../namenode/operations/block-recovery.js';
import { complete } from '../../../namenode/operations/complete.js';
import { concat } from '../../../namenode/operations/concat.js';
import { create } from '../../../namenode/operations/create.js';
import { deletePath } from '../../../namenode/operations/delete.js';
import { fsync } from '../../../namenode/operations/fsync.js';
import { NAMENODE, recoverLease } from '../../../namenode/operations/lease-recovery.js';
import { mkdirs } from '../../../namenode/operations/mkdirs.js';
import type { WriterRequest } from '../../../namenode/operations/open-file.js';
import { contentSummary, fileInfo, listing } from '../../../namenode/operations/read-namespace.js';
import { rename } from '../../../namenode/operations/rename.js';
import { setQuota } from '../../../namenode/operations/set-quota.js';
import { truncate } from '../../../namenode/operations/truncate.js';
import { parsePath } from '../../../namenode/paths.js';
import { forgetUsage } from '../../../namenode/quota-counting.js';
import { nextSlice } from '../../../namenode/reaper.js';
import { lastBlocks } from '../../../namenode/storage/block-rows.js';
import { inodeById } from '../../../namenode/storage/inode-rows.js';
import type { InodeRow } from '../../../namenode/storage/rows.js';
import { InodeType } from '../../../namenode/storage/schema.js';
import { isUsageKnown, nextToCount } from '../../../namenode/storage/usage.js';
import { target } from './fake-blocks.js';
import {
  type Description,
  type File,
  ModelError,
  type ModelFileSystem,
  type ModelQuota,
  type ModelUsage,
  type ModelUser,
} from './model-file-system.js';
import type { NamespaceWorld } from './namespace-world.js';

/** A file that was opened for writing, on both sides. */
interface Handle {
  readonly file: File;
  readonly fileId: number;
  readonly path: string;
  /** Which opening of the file it is, and the number of the call that made it; undefined: it does not tell. */
  readonly opening: number | undefined;
  readonly openedBy: number | undefined;
  /** The last block that it knows of, and how many there are up to it. */
  last: Block | undefined;
  known: number;
}

/** What an operation works on. */
export interface Sides {
  readonly model: ModelFileSystem;
  readonly world: NamespaceWorld;
  readonly handles: Handle[];
  /** Counts the calls, so that each has its own id. */
  calls: number;
  /** How much time passes with each operation. */
  readonly stepMs: number;
}

/** What came of an operation: its answer, or the name of its error. */
export type Outcome = { readonly answer: unknown } | { readonly error: string };

export interface Outcomes {
  readonly expected: Outcome;
  readonly actual: Outcome;
}

/** One random operation, for both sides. */
export class Operation {
  readonly name: string;
  readonly #argumentsText: string;
  readonly run: (sides: Sides) => Promise<Outcomes>;

  constructor(name: string, values: unknown, run: (sides: Sides) => Promise<Outcomes>) {
    this.name = name;
    this.#argumentsText = JSON.stringify(values);
    this.run = run;
  }

  /** For fast-check, when it shows what failed. */
  [fc.toStringMethod](): string {
    return `${this.name} ${this.#argumentsText}`;
  }
}

const ROOT_USER: ModelUser = { user: 'root', groups: [], superuser: true };
const WRITER: ModelUser = { user: 'alice', groups: ['staff', 'readers'], superuser: false };
const ORDINARY_USERS: readonly ModelUser[] = [WRITER, { user: 'bob', groups: ['staff'], superuser: false }];
const HOLDERS = ['writer-1', 'writer-2'];

// Few names, so that operations meet each other.
const name = fc.constantFrom('a', 'b', 'ä b');
const path = fc
  .oneof(
    { weight: 1, arbitrary: fc.constant<string[]>([]) },
    { weight: 6, arbitrary: fc.array(name, { minLength: 1, maxLength: 1 }) },
    { weight: 6, arbitrary: fc.array(name, { minLength: 2, maxLength: 2 }) },
    { weight: 3, arbitrary: fc.array(name, { minLength: 3, maxLength: 4 }) },
  )
  .map((names) => `/${names.join('/')}`);
const user = fc.oneof(
  { weight: 2, arbitrary: fc.constant(ROOT_USER) },
  { weight: 3, arbitrary: fc.constantFrom(...ORDINARY_USERS) },
);
const mode = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0o777, 0o1777) },
  { weight: 2, arbitrary: fc.constantFrom(0o755, 0o700, 0o770, 0o644, 0o444, 0) },
);
const flag = fc.boolean();
const holder = fc.constantFrom(...HOLDERS);
const length = fc.constantFrom(0, 1, 500, 1000);
const pick = fc.nat({ max: 1000 });

/** Everybody may write to the root: otherwise most operations would be refused for that. */
export const openRoot: Operation = permissionOperation([ROOT_USER, '/', 0o777]);

function mkdirsOperation([as, at, bits, createParent, exclusive]: [
  ModelUser,
  string,
  number,
  boolean,
  boolean,
]): Operation {
  return new Operation('mkdirs', [as.user, at, bits.toString(8), createParent, exclusive], (sides) =>
    both(
      sides,
      (model, nowMs) => model.mkdirs(as, at, bits, createParent, exclusive, nowMs),
      ({ ns }) => mkdirs(ns, callOf(as, sides), { path: parsePath(at), mode: bits, createParent, exclusive }),
    ),
  );
}

function createOperation([as, at, owner, bits, overwrite, createParent, withBlock, tells]: [
  ModelUser,
  string,
  string,
  number,
  boolean,
  boolean,
  boolean,
  boolean,
]): Operation {
  const shown = [as.user, at, owner, bits.toString(8), overwrite, createParent, withBlock, tells];
  return new Operation('create', shown, async (sides) => {
    let file: File | undefined;
    let known = 0;
    return await both(
      sides,
      (model, nowMs, isEnforced) => {
        const made = model.create(as, at, { holder: owner, mode: bits, overwrite, createParent }, nowMs);
        file = made;
        if (!withBlock) return;
        const addBlock = () => model.addBlock(made, { holder: owner, opening: made.openings }, 0, 0);
        try {
          known = (isEnforced ? model.withinQuotas(addBlock) : addBlock()) as number;
        } catch (error) {
          if (!(error instanceof ModelError) || error.errorName !== 'DSQuotaExceeded') throw error;
        }
      },
      async ({ ns }) => {
        const request = { path: parsePath(at), clientName: owner, mode: bits, overwrite, createParent };
        const firstBlock = withBlock ? { writerHost: '' } : undefined;
        const call = callOf(as, sides);
        const made = await create(ns, call, {
          ...request,
          replication: 3,
          blockSizeBytes: 1000,
          firstBlock,
        });
        const last = made.firstBlock?.block;
        if (file === undefined) return;
        sides.handles.push({ ...opened(file, call, tells), fileId: made.inode.id, path: at, last, known });
      },
    );
  });
}

function appendOperation([as, at, owner, tells]: [ModelUser, string, string, boolean]): Operation {
  return new Operation('append', [as.user, at, owner, tells], async (sides) => {
    let appended: ReturnType<ModelFileSystem['append']> | undefined;
    return await both(
      sides,
      (model) => {
        appended = model.append(as, at, owner);
        return appended.reopened;
      },
      async ({ ns }) => {
        const request = { path: parsePath(at), clientName: owner, newBlock: false };
        const call = callOf(as, sides);
        const { inode, lastBlock } = await append(ns, call, request);
        if (appended !== undefined) {
          const { file } = appended;
          const known = lastBlock === undefined ? 0 : file.blocks.length;
          sides.handles.push({
            ...opened(file, call, tells),
            fileId: inode.id,
            path: at,
            last: lastBlock?.block,
            known,
          });
        }
        return lastBlock !== undefined;
      },
    );
  });
}

function addBlockOperation([which, owner, bytes]: [number, string, number]): Operation {
  return new Operation('addBlock', [which, owner, bytes], (sides) =>
    withHandle(sides, which, (handle) => {
      let known = 0;
      return both(
        sides,
        (model) => {
          known = model.addBlock(handle.file, { holder: owner, opening: handle.opening }, handle.known, bytes);
        },
        async ({ ns }) => {
          const previous = withLength(handle.last, bytes);
          const writer = writerOf(handle, owner);
          const request = { ...writer, previous, excludeDatanodes: [], writerHost: '' };
          handle.last = (await addBlock(ns, callOf(WRITER, sides), request)).block;
          handle.known = known;
        },
      );
    }),
  );
}

function completeOperation([which, owner, bytes]: [number, string, number]): Operation {
  return new Operation('complete', [which, owner, bytes], (sides) =>
    withHandle(sides, which, (handle) =>
      both(
        sides,
        (model, nowMs) =>
          model.close(handle.file, { holder: owner, opening: handle.opening }, handle.known, bytes, nowMs),
        async ({ ns }) => {
          const lastBlock = withLength(handle.last, bytes);
          const writer = writerOf(handle, owner);
          await complete(ns, callOf(WRITER, sides), { ...writer, lastBlock });
        },
      ),
    ),
  );
}

function closeUnwrittenOperation([which, owner]: [number, string]): Operation {
  return new Operation('closeUnwritten', [which, owner], (sides) =>
    withHandle(sides, which, (handle) =>
      both(
        sides,
        (model, nowMs) =>
          model.closeUnwritten(handle.file, { holder: owner, opening: handle.opening }, handle.known, nowMs),
        async ({ ns }) => {
          const unusedBlock = handle.last ?? { blockId: 1, generationStamp: 1, numBytes: 0 };
          const writer = writerOf(handle, owner);
          await complete(ns, callOf(WRITER, sides), { ...writer, lastBlock: undefined, unusedBlock });
        },
      ),
    ),
  );
}

function fsyncOperation([which, owner, bytes]: [number, string, number]): Operation {
  return new Operation('fsync', [which, owner, bytes], (sides) =>
    withHandle(sides, which, (handle) =>
      both(
        sides,
        (model) => model.fsync(handle.file, { holder: owner, opening: handle.opening }, handle.known, bytes),
        async ({ ns }) => {
          const lastBlock = withLength(handle.last, bytes) ?? { blockId: 1, generationStamp: 1, numBytes: bytes };
          const writer = writerOf(handle, owner);
          await fsync(ns, callOf(WRITER, sides), { ...writer, lastBlock });
        },
      ),
    ),
  );
}

function recoverLeaseOperation([as, at]: [ModelUser, string]): Operation {
  return new Operation('recoverLease', [as.user, at], (sides) =>
    both(
      sides,
      (model, nowMs) => model.recoverLease(as, at, nowMs),
      ({ ns }) => recoverLease(ns, callOf(as, sides), { path: parsePath(at) }),
    ),
  );
}

function finishRecoveryOperation([which, bytes]: [number, number]): Operation {
  return new Operation('finishRecovery', [which, bytes], (sides) =>
    withHandle(sides, which, ({ file, fileId }) => {
      const [last] = lastBlocks(sides.world.committed, fileId);
      // A truncated block is cut to just its length; anything else is refused, and no less likely.
      const newLength = last?.truncating === 1 && bytes > 0 ? last.length : bytes;
      return both(
        sides,
        (model, nowMs) => model.finishRecovery(file, newLength, nowMs),
        async ({ ns }) => {
          if (last === undefined || last.recovery_id === null) return;
          const block = { blockId: last.id, generationStamp: last.generation_stamp };
          const result = { block, newGenerationStamp: last.recovery_id, newLength, isGone: newLength === 0 };
          await commitBlockSynchronization(ns, { ...result, targets: newLength === 0 ? [] : [target(0)] });
        },
      );
    }),
  );
}

function truncateOperation([as, at, newLength]: [ModelUser, string, number]): Operation {
  return new Operation('truncate', [as.user, at, newLength], (sides) =>
    both(
      sides,
      (model, nowMs) => model.truncate(as, at, newLength, nowMs),
      ({ ns }) => truncate(ns, callOf(as, sides), { path: parsePath(at), newLength, clientName: 'truncater' }),
    ),
  );
}

/** On files that there are: names at random mostly lead to none. */
function concatSomeOperation([to, from]: [number, number[]]): Operation {
  return new Operation('concat some', [to, from], (sides) => {
    const files = [...sides.model.tree()].filter(([, { kind }]) => kind === 'file').map(([at]) => at);
    const fileAt = (which: number): string => files[which % Math.max(1, files.length)] ?? '/a';
    return concatOperation([ROOT_USER, fileAt(to), from.map(fileAt)]).run(sides);
  });
}

function concatOperation([as, to, from]: [ModelUser, string, string[]]): Operation {
  return new Operation('concat', [as.user, to, ...from], (sides) =>
    both(
      sides,
      (model, nowMs) => model.concat(as, to, from, nowMs),
      ({ ns }) => concat(ns, callOf(as, sides), parsePath(to), from.map(parsePath)),
    ),
  );
}

function renameOperation([as, from, to, overwrite, exact]: [ModelUser, string, string, boolean, boolean]): Operation {
  return new Operation('rename', [as.user, from, to, overwrite, exact], (sides) =>
    both(
      sides,
      (model, nowMs) => model.rename(as, from, to, overwrite, exact, nowMs),
      ({ ns }) => {
        const request = { source: parsePath(from), destination: parsePath(to), overwrite, exact };
        return rename(ns, callOf(as, sides), request);
      },
    ),
  );
}

function deleteOperation([as, at, recursive]: [ModelUser, string, boolean]): Operation {
  return new Operation('delete', [as.user, at, recursive], (sides) =>
    both(
      sides,
      (model, nowMs) => model.delete(as, at, recursive, nowMs),
      ({ ns }) => deletePath(ns, callOf(as, sides), parsePath(at), recursive),
    ),
  );
}

function permissionOperation([as, at, bits]: [ModelUser, string, number]): Operation {
  return new Operation('setPermission', [as.user, at, bits.toString(8)], (sides) =>
    both(
      sides,
      (model) => model.setPermission(as, at, bits),
      ({ ns }) => setPermission(ns, callOf(as, sides), parsePath(at), bits),
    ),
  );
}

function ownerOperation([as, at, owner, group]: [
  ModelUser,
  string,
  string | undefined,
  string | undefined,
]): Operation {
  return new Operation('setOwner', [as.user, at, owner, group], (sides) =>
    both(
      sides,
      (model) => model.setOwner(as, at, owner, group),
      ({ ns }) => setOwner(ns, callOf(as, sides), parsePath(at), { owner, group }),
    ),
  );
}

function attributesOperation([as, at, bits, owner, modificationTimeMs]: [
  ModelUser,
  string,
  number | undefined,
  string | undefined,
  number | undefined,
]): Operation {
  return new Operation('setAttributes', [as.user, at, bits?.toString(8), owner, modificationTimeMs], (sides) =>
    both(
      sides,
      (model) => model.setAttributes(as, at, { mode: bits, owner, mtimeMs: modificationTimeMs }),
      async ({ ns }) => {
        const wanted = { mode: bits, owner, group: undefined, modificationTimeMs, accessTimeMs: undefined };
        await setAttributes(ns, callOf(as, sides), parsePath(at), wanted);
      },
    ),
  );
}

function replicationOperation([as, at, replicas]: [ModelUser, string, number]): Operation {
  return new Operation('setReplication', [as.user, at, replicas], (sides) =>
    both(
      sides,
      (model) => model.setReplication(as, at, replicas),
      ({ ns }) => setReplication(ns, callOf(as, sides), parsePath(at), replicas),
    ),
  );
}

function readOperation([as, at]: [ModelUser, string]): Operation {
  return new Operation('read', [as.user, at], (sides) =>
    both(
      sides,
      (model) => {
        const stat = model.stat(as, at);
        const entries = stat === undefined ? undefined : model.list(as, at);
        return { stat, entries, summary: model.summary(as, at, isUsageKnown(sides.world.ns.journal.counters)) };
      },
      async ({ ns }) => {
        const call = callOf(as, sides);
        const inode = fileInfo(ns, call, parsePath(at));
        const page = inode === undefined ? undefined : listing(ns, call, parsePath(at), '', 0).entries;
        const stat = inode === undefined ? undefined : descriptionOf(inode);
        const summary = await contentSummary(ns, call, parsePath(at));
        return { stat, entries: page?.map((entry) => entry.name), summary };
      },
    ),
  );
}

const SOME_QUOTAS = fc
  .tuple(fc.constantFrom(undefined, 1, 2, 4, 8), fc.constantFrom(undefined, 0, 3_000, 6_500, 20_000))
  .map(([names, space]): ModelQuota => ({ names, space }));

function quotaOperation([as, at, quota]: [ModelUser, string, ModelQuota]): Operation {
  return new Operation('setQuota', [as.user, at, quota], (sides) =>
    both(
      sides,
      (model) => model.setQuota(as, at, quota),
      async ({ ns }) => {
        const { names = 'none', space = 'none' } = quota;
        await setQuota(ns, callOf(as, sides), parsePath(at), { names, space });
      },
    ),
  );
}

/** Others come in between while what is there is being counted; quotas are not enforced yet. */
function slowQuotaOperation([at, quota]: [string, ModelQuota]): Operation {
  return new Operation('setQuota slowly', [at, quota], (sides) =>
    both(
      sides,
      (model) => model.setQuota(ROOT_USER, at, quota),
      async ({ ns }) => {
        await forgetUsage(ns);
        await change(ns, NAMENODE, 'set a quota', (tx) => {
          const { inode } = requireInode(tx.db, ROOT_USER, parsePath(at));
          if (inode.type !== InodeType.DIRECTORY) throw new DfsError('NotADirectory', at);
          return { answer: null, record: { op: 'setQuota', id: inode.id, ...JSON.parse(JSON.stringify(quota)) } };
        });
      },
    ),
  );
}

const countSlice = new Operation('count', [], (sides) =>
  both(
    sides,
    () => undefined,
    async ({ ns }) => {
      await change(ns, NAMENODE, 'count', (tx) => {
        if (tx.counters.quotas === 0 || isUsageKnown(tx.counters)) return { answer: null };
        return { answer: null, record: { op: 'countUsage', upTo: nextToCount(tx, 2) } };
      });
    },
  ),
);

/** Some of what was deleted goes for good, which nobody can see. */
const reapSlice = new Operation('reap', [], (sides) =>
  both(
    sides,
    () => undefined,
    async ({ ns }) => {
      await change(ns, NAMENODE, 'reap', (tx) => {
        const slice = nextSlice(tx.db, 3);
        if (slice.inodes.length + slice.blocks.length === 0) return { answer: null };
        return { answer: null, record: { op: 'reap', ...slice } };
      });
    },
  ),
);

export const operations: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(user, path, mode, flag, flag).map(mkdirsOperation) },
  { weight: 6, arbitrary: fc.tuple(user, path, holder, mode, flag, flag, flag, flag).map(createOperation) },
  { weight: 2, arbitrary: fc.tuple(pick, holder).map(closeUnwrittenOperation) },
  { weight: 3, arbitrary: fc.tuple(user, path, holder, flag).map(appendOperation) },
  { weight: 4, arbitrary: fc.tuple(pick, holder, length).map(addBlockOperation) },
  { weight: 3, arbitrary: fc.tuple(pick, holder, length).map(completeOperation) },
  { weight: 2, arbitrary: fc.tuple(pick, holder, length).map(fsyncOperation) },
  { weight: 2, arbitrary: fc.tuple(user, path).map(recoverLeaseOperation) },
  { weight: 3, arbitrary: fc.tuple(pick, length).map(finishRecoveryOperation) },
  { weight: 2, arbitrary: fc.tuple(user, path, fc.constantFrom(0, 1, 499, 500, 1000)).map(truncateOperation) },
  {
    weight: 2,
    arbitrary: fc.tuple(user, path, fc.array(path, { minLength: 1, maxLength: 2 })).map(concatOperation),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(pick, fc.array(pick, { minLength: 1, maxLength: 2 })).map(concatSomeOperation),
  },
  { weight: 6, arbitrary: fc.tuple(user, path, path, flag, flag).map(renameOperation) },
  { weight: 3, arbitrary: fc.tuple(user, path, flag).map(deleteOperation) },
  { weight: 2, arbitrary: fc.tuple(user, path, mode).map(permissionOperation) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(user, path, fc.constantFrom('alice', 'bob', undefined), fc.constantFrom('staff', undefined))
      .map(ownerOperation),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        user,
        path,
        fc.option(mode, { nil: undefined }),
        fc.constantFrom('alice', undefined),
        fc.constantFrom(7_000, undefined),
      )
      .map(attributesOperation),
  },
  { weight: 1, arbitrary: fc.tuple(user, path, fc.integer({ min: 1, max: 5 })).map(replicationOperation) },
  { weight: 1, arbitrary: fc.tuple(user, path).map(readOperation) },
  { weight: 1, arbitrary: fc.constant(reapSlice) },
  { weight: 2, arbitrary: fc.tuple(user, path, SOME_QUOTAS).map(quotaOperation) },
  { weight: 1, arbitrary: fc.tuple(path, SOME_QUOTAS).map(slowQuotaOperation) },
  { weight: 2, arbitrary: fc.constant(countSlice) },
);

export function descriptionOf(inode: InodeRow): Description {
  return {
    kind: inode.type === InodeType.DIRECTORY ? 'directory' : 'file',
    mode: inode.mode,
    owner: inode.owner,
    group: inode.grp,
    mtimeMs: inode.mtime_ms,
    children: inode.children,
    replication: inode.replication,
    length: inode.length,
    holder: inode.lease_holder,
  };
}

/** Everything that can be reached from the root, by path. */
export function treeOf({ committed }: NamespaceWorld): Map<string, Description> {
  const all = new Map<string, Description>();
  const visit = (path: string, inode: InodeRow): void => {
    all.set(path, descriptionOf(inode));
    const entries = committed
      .prepare('SELECT * FROM inodes WHERE parent = ? ORDER BY name')
      .all(inode.id) as InodeRow[];
    for (const entry of entries) visit(path === '/' ? `/${entry.name}` : `${path}/${entry.name}`, entry);
  };
  visit('/', inodeById(committed, 1) as InodeRow);
  return all;
}

/** What each directory is said to hold, by path; undefined while that is not known. */
export function usagesOf({ committed, ns }: NamespaceWorld): Map<string, ModelUsage> | undefined {
  if (!isUsageKnown(ns.journal.counters)) return undefined;
  const rows = committed.prepare('SELECT inode, names, space FROM usage').all() as ({ inode: number } & ModelUsage)[];
  return new Map(
    rows.flatMap(({ inode, names, space }) => {
      const path = pathOf(committed, inode);
      return path === undefined ? [] : [[path, { names, space }] as const];
    }),
  );
}

async function both(
  { model, world, stepMs, handles }: Sides,
  onModel: (model: ModelFileSystem, nowMs: number, isEnforced: boolean) => unknown,
  onWorld: (world: NamespaceWorld) => Promise<unknown>,
): Promise<Outcomes> {
  await world.clock.advance(stepMs);
  const isEnforced = isUsageKnown(world.ns.journal.counters);
  const expected = await outcome(async () =>
    isEnforced
      ? model.withinQuotas(() => onModel(model, world.clock.now(), true))
      : onModel(model, world.clock.now(), false),
  );
  const actual = await outcome(() => onWorld(world));
  for (const handle of handles) forgetLostBlocks(handle);
  return { expected, actual };
}

/** Blocks have ids, which the model counts instead: nobody shall take a later block for the one in its place that he knew. */
function forgetLostBlocks(handle: Handle): void {
  if (handle.known > handle.file.blocks.length) Object.assign(handle, { last: undefined, known: 0 });
}

async function outcome(action: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { answer: await action() };
  } catch (error) {
    if (error instanceof ModelError) return { error: error.errorName };
    if (isDfsError(error)) return { error: error.name };
    throw error;
  }
}

async function withHandle(
  { handles }: Sides,
  which: number,
  action: (handle: Handle) => Promise<Outcomes>,
): Promise<Outcomes> {
  const handle = handles[which % Math.max(1, handles.length)];
  if (handle === undefined) return { expected: { answer: undefined }, actual: { answer: undefined } };
  return await action(handle);
}

/** What is known of a file that `call` has just opened. */
function opened(file: File, { id }: Call, tells: boolean): Pick<Handle, 'file' | 'opening' | 'openedBy'> {
  return tells
    ? { file, opening: file.openings, openedBy: id?.callId }
    : { file, opening: undefined, openedBy: undefined };
}

function writerOf({ path, fileId, openedBy }: Handle, clientName: string): WriterRequest {
  return { path: parsePath(path), fileId, openedBy, clientName };
}

function withLength(block: Block | undefined, numBytes: number): Block | undefined {
  return block === undefined ? undefined : { ...block, numBytes };
}

function callOf(as: ModelUser, sides: Sides): Call {
  return { ...as, id: { clientId: 'AAAAAAAAAAAAAAAAAAAAAA==', callId: ++sides.calls } };
}
