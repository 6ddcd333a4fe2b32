import test from 'ava';
import fc from 'fast-check';
import {
  BlockScanner,
  MAX_SUSPECTS,
  type ScanState,
  type ScanStep,
  SUSPECT_AGAIN_AFTER_MS,
} from '../../datanode/block-scanner.js';
import { SHARD_COUNT } from '../../datanode/replica-table.js';

const PERIOD_MS = 21 * 24 * 3_600_000;
const NOW_MS = Date.UTC(2024, 0, 1);

/** Replicas by shard; here the shard of a block is its id modulo the number of shards. */
class Shards {
  readonly #ids: Set<number>;

  constructor(ids: Iterable<number>) {
    this.#ids = new Set(ids);
  }

  add(id: number): void {
    this.#ids.add(id);
  }

  delete(id: number): void {
    this.#ids.delete(id);
  }

  readonly ofShard = (shard: number): number[] => [...this.#ids].filter((id) => id % SHARD_COUNT === shard).reverse();
}

function newScanner(ids: Iterable<number>, state?: ScanState): BlockScanner {
  return new BlockScanner({ periodMs: PERIOD_MS, idsOfShard: new Shards(ids).ofShard, state });
}

/** The next step that is not a mere turn for others. */
function nextStep(scanner: BlockScanner, nowMs = NOW_MS): ScanStep {
  for (;;) {
    const step = scanner.next(nowMs);
    if (step.kind !== 'yield') return step;
  }
}

/** Ids that are scanned until the pass ends, or until there are `count` of them. */
function scanned(scanner: BlockScanner, count = Number.POSITIVE_INFINITY, nowMs = NOW_MS): number[] {
  const ids: number[] = [];
  while (ids.length < count) {
    const step = nextStep(scanner, nowMs);
    if (step.kind !== 'scan') break;
    ids.push(step.blockId);
  }
  return ids;
}

const sorted = (ids: Iterable<number>): number[] => [...ids].sort((a, b) => a - b);
const blockIds = fc.uniqueArray(fc.integer({ min: 1, max: 5000 }), { maxLength: 40 });

test('a pass hands out every replica once, and the next begins a period after it began', (t) => {
  fc.assert(
    fc.property(blockIds, (ids) => {
      const scanner = newScanner(ids);
      t.deepEqual(sorted(scanned(scanner)), sorted(ids));
      t.deepEqual(nextStep(scanner, NOW_MS + 5), { kind: 'wait', delayMs: PERIOD_MS - 5 });
      t.deepEqual(sorted(scanned(scanner, ids.length + 1, NOW_MS + PERIOD_MS)), sorted(ids));
    }),
    { numRuns: 30 },
  );
});

test('whenever the process is restarted, what was done is not done again, and what was under way is', (t) => {
  fc.assert(
    fc.property(blockIds, fc.array(fc.nat(10), { maxLength: 6 }), (ids, runs) => {
      let scanner = newScanner(ids);
      const done: number[] = [];
      for (const count of runs) {
        const part = scanned(scanner, count);
        const { state } = scanner;
        const isUnderWay = part.length === count && count > 0;
        done.push(...(isUnderWay ? part.slice(0, -1) : part));
        // As through the cursor file.
        scanner = newScanner(ids, JSON.parse(JSON.stringify(state)));
        if (state.position === undefined && state.passBeganMs > 0) break;
      }
      done.push(...scanned(scanner));
      t.deepEqual(sorted(done), sorted(ids));
    }),
    { numRuns: 60 },
  );
});

test('a search through many empty shards lets others have a turn', (t) => {
  const scanner = newScanner([]);
  let yields = 0;
  while (scanner.next(NOW_MS).kind === 'yield') yields++;
  t.true(yields >= SHARD_COUNT / 64);
});

test('a replica that is deleted before its shard is reached is not handed out, one that appears is', (t) => {
  const shards = new Shards([1, 2, 3]);
  const scanner = new BlockScanner({ periodMs: PERIOD_MS, idsOfShard: shards.ofShard });
  t.deepEqual(scanned(scanner, 1), [1]);
  shards.delete(2);
  shards.add(4);
  t.deepEqual(scanned(scanner), [3, 4]);
});

test('suspects come first, also between two passes, and do not move the place of the pass', (t) => {
  const scanner = newScanner([1, 2, 3]);
  t.deepEqual(scanned(scanner, 1), [1]);
  t.true(scanner.suspect(3, NOW_MS));
  t.deepEqual(nextStep(scanner), { kind: 'scan', blockId: 3, suspected: true });
  t.deepEqual(scanned(scanner), [2, 3]);
  t.is(nextStep(scanner).kind, 'wait');
  t.true(scanner.suspect(2, NOW_MS));
  t.deepEqual(nextStep(scanner), { kind: 'scan', blockId: 2, suspected: true });
  t.is(nextStep(scanner).kind, 'wait');
});

test('a suspect that was verified just now is not verified again, however many complain', (t) => {
  const scanner = newScanner([1]);
  t.true(scanner.suspect(1, NOW_MS));
  nextStep(scanner);
  t.false(scanner.suspect(1, NOW_MS + SUSPECT_AGAIN_AFTER_MS - 1));
  t.true(scanner.suspect(1, NOW_MS + SUSPECT_AGAIN_AFTER_MS));
});

test('only so many suspects wait', (t) => {
  const scanner = newScanner([]);
  for (let id = 1; id <= MAX_SUSPECTS; id++) t.true(scanner.suspect(id, NOW_MS));
  t.false(scanner.suspect(MAX_SUSPECTS + 1, NOW_MS));
  t.is(scanner.suspectCount, MAX_SUSPECTS);
});

test('when the wall clock is set back, the next pass comes within a period', (t) => {
  const scanner = newScanner([1]);
  scanned(scanner);
  t.deepEqual(nextStep(scanner, NOW_MS - 10 * PERIOD_MS), { kind: 'wait', delayMs: PERIOD_MS });
});

test('the end of a pass tells how long it took, and is kept', (t) => {
  const scanner = newScanner([1]);
  t.is(scanner.state.lastPassEndedMs, undefined);
  t.deepEqual(scanned(scanner, 1), [1]);
  t.deepEqual(nextStep(scanner, NOW_MS + 700), { kind: 'passEnded', durationMs: 700 });
  t.is(newScanner([], scanner.state).state.lastPassEndedMs, NOW_MS + 700);
});
