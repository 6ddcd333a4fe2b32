/** All checks of a run, in the order in which they are made: later ones rely on what earlier ones have found to be so. */
import { acknowledgedBytes } from './acknowledged-bytes.js';
import type { Checker } from './checker.js';
import { closedEverywhere } from './closed-everywhere.js';
import { closedFiles } from './closed-files.js';
import { flushedEverywhere } from './flushed-everywhere.js';
import { leaks } from './leaks.js';
import { namespaceModel } from './namespace-model.js';
import { repair } from './repair.js';
import { replay } from './replay.js';
import { safeMode } from './safe-mode.js';
import { singleWriter } from './single-writer.js';
import { staleStamps } from './stale-stamps.js';
import { start } from './start.js';
import { surplus } from './surplus.js';

export const CHECKERS: readonly Checker[] = [
  safeMode,
  surplus,
  flushedEverywhere,
  closedEverywhere,
  start,
  singleWriter,
  closedFiles,
  repair,
  namespaceModel,
  acknowledgedBytes,
  staleStamps,
  leaks,
  replay,
];
