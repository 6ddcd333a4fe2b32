/** All checks of a run, in the order in which they are made. */
import type { Checker } from './checker.js';

export const CHECKERS: readonly Checker[] = [];
