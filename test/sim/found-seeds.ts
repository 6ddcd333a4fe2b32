/**
 * Every seed that has ever found a bug, with the word that docs/reliability.md says more about. A seed changes its meaning with each change of the
 * program and of the simulation, so that hardly one of them still leads to the place where it once found something: for that each bug has a test of
 * its own. But a cluster that was hard to get right once may be so again.
 */
import { DEFAULT_FAULTY_MS } from './options.js';

export interface FoundSeed {
  readonly seed: number;
  /** Virtual time with faults. Where the run takes long, half of that in which the bug was found. */
  readonly faultyMs: number;
  readonly found: string;
}

const WHOLE_MS = DEFAULT_FAULTY_MS;
const HALF_MS = DEFAULT_FAULTY_MS / 2;

export const FOUND_SEEDS: readonly FoundSeed[] = [
  { seed: 23, faultyMs: WHOLE_MS, found: 'files of a replica out of place after its disk failed' },
  { seed: 89, faultyMs: HALF_MS, found: 'a copy that was not verified on its way' },
  { seed: 93, faultyMs: HALF_MS, found: 'unacknowledged damage made part of a recovered block' },
  { seed: 104, faultyMs: WHOLE_MS, found: 'a temporary file left behind' },
  { seed: 120, faultyMs: HALF_MS, found: 'safe mode for ever because of a damaged replica' },
  { seed: 127, faultyMs: HALF_MS, found: 'acknowledged bytes dropped because their DataNodes were dead' },
  { seed: 138, faultyMs: HALF_MS, found: 'a late repeat of a decision, taken for the last one' },
  { seed: 144, faultyMs: WHOLE_MS, found: 'an old replica that hid a newer one' },
  { seed: 146, faultyMs: HALF_MS, found: 'a small block forgotten when its journal was removed' },
  { seed: 166, faultyMs: HALF_MS, found: 'a good checksum for damaged bytes' },
  { seed: 192, faultyMs: HALF_MS, found: 'directories taken for durable that were not' },
  { seed: 271, faultyMs: HALF_MS, found: 'files of a replica out of place after its disk failed' },
  { seed: 307, faultyMs: HALF_MS, found: 'files of a replica out of place after its disk failed' },
  { seed: 348, faultyMs: WHOLE_MS, found: 'files of a replica out of place after its disk failed' },
  { seed: 1032, faultyMs: WHOLE_MS, found: 'remains of an older replica that stayed' },
  { seed: 1117, faultyMs: WHOLE_MS, found: 'a new block without DataNodes after a power cut' },
  { seed: 1306, faultyMs: WHOLE_MS, found: 'acknowledged bytes replaced by damaged ones in an append' },
  { seed: 1310, faultyMs: WHOLE_MS, found: 'a disk failure without words' },
  { seed: 1397, faultyMs: HALF_MS, found: 'an unfinished note for a restart' },
  { seed: 1638, faultyMs: HALF_MS, found: 'a repeated truncation that was refused' },
  { seed: 2264, faultyMs: WHOLE_MS, found: 'hsynced bytes lost with the replacement in a pipeline' },
  { seed: 2511, faultyMs: WHOLE_MS, found: 'a repeated truncation that was refused' },
  { seed: 2581, faultyMs: WHOLE_MS, found: 'a repeated truncation that was refused' },
  { seed: 2639, faultyMs: HALF_MS, found: 'answers forgotten because the clock was set ahead' },
  { seed: 10016, faultyMs: WHOLE_MS, found: 'a truncation that was carried out twice' },
  { seed: 50004, faultyMs: HALF_MS, found: 'what a recovery left behind, for hours' },
  { seed: 61038, faultyMs: HALF_MS, found: 'surplus replicas that were needed and not kept' },
  { seed: 61129, faultyMs: WHOLE_MS, found: 'two writers of one client in one file' },
  { seed: 61252, faultyMs: WHOLE_MS, found: 'a file that stayed open because two recoveries did not agree' },
  { seed: 70334, faultyMs: HALF_MS, found: 'a block that was not looked for where it was' },
  { seed: 71164, faultyMs: WHOLE_MS, found: 'old replicas that did not give way to that of a leaving DataNode' },
  { seed: 73095, faultyMs: WHOLE_MS, found: 'a late call of an earlier writer of the same client' },
  { seed: 1660, faultyMs: WHOLE_MS, found: 'no bug: an error of the simulation' },
  { seed: 1723, faultyMs: HALF_MS, found: 'copies without checksums, because of a flipped bit' },
  { seed: 1899, faultyMs: HALF_MS, found: 'no bug: an error of the simulation' },
  { seed: 2076, faultyMs: WHOLE_MS, found: 'no bug: an error of the simulation' },
  { seed: 2302, faultyMs: HALF_MS, found: 'no bug: an error of the simulation' },
  { seed: 61002, faultyMs: HALF_MS, found: 'no bug: an error of the simulation' },
  { seed: 70050, faultyMs: HALF_MS, found: 'no bug: an error of the simulation' },
  { seed: 73196, faultyMs: WHOLE_MS, found: 'no bug: an error of the simulation' },
  { seed: 73341, faultyMs: WHOLE_MS, found: 'no bug: an error of the simulation' },
  { seed: 73364, faultyMs: WHOLE_MS, found: 'no bug: an error of the simulation' },
];
