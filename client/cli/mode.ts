/**
 * File modes as `dfs chmod` takes them: octal (`755`, `1777`) or symbolic (`u+x,go-w`, `a=rX`, `+t`). As in HDFS, and unlike in
 * the shell, no umask is applied when no class is named, and there are no setuid and setgid bits.
 */
import { UsageError } from './errors.js';

export type ModeChange = (currentMode: number, isDirectory: boolean) => number;

interface Clause {
  /** Permission bits of the classes that the clause is about: 0o700, 0o070 and 0o007, or a sum of them. */
  readonly classes: number;
  readonly operator: '+' | '-' | '=';
  /** Bits 4, 2 and 1. */
  readonly bits: number;
  /** `X`: execute only for directories, and for files that somebody may execute already. */
  readonly executeIfAny: boolean;
  /** `t`; counts only when the clause is about others. */
  readonly sticky: boolean;
}

const CLASS_MASKS: Readonly<Record<string, number>> = { u: 0o700, g: 0o070, o: 0o007, a: 0o777 };
const BITS: Readonly<Record<string, number>> = { r: 4, w: 2, x: 1 };

/** @throws UsageError when `text` is neither an octal nor a symbolic mode. */
export function parseModeChange(text: string): ModeChange {
  if (/^[01]?[0-7]{3}$/.test(text)) {
    const mode = Number.parseInt(text, 8);
    return () => mode;
  }
  const clauses = text.split(',').flatMap((part) => parseClauses(part, text));
  return (current, isDirectory) => clauses.reduce((mode, clause) => applyClause(clause, mode, isDirectory), current);
}

function parseClauses(part: string, whole: string): Clause[] {
  const match = /^([ugoa]*)((?:[-+=][rwxXt]*)+)$/.exec(part);
  if (match === null) throw new UsageError(`mode '${whole}' does not match the expected pattern.`);
  const [, classText = '', actions = ''] = match;
  const classes = [...(classText || 'a')].reduce((mask, name) => mask | (CLASS_MASKS[name] ?? 0), 0);
  return [...actions.matchAll(/([-+=])([rwxXt]*)/g)].map(([, operator, letters = '']) => ({
    classes,
    operator: operator as Clause['operator'],
    bits: [...letters].reduce((bits, letter) => bits | (BITS[letter] ?? 0), 0),
    executeIfAny: letters.includes('X'),
    sticky: letters.includes('t'),
  }));
}

function applyClause(clause: Clause, mode: number, isDirectory: boolean): number {
  const execute = clause.executeIfAny && (isDirectory || (mode & 0o111) !== 0) ? 1 : 0;
  const bits = ((clause.bits | execute) * 0o111) & clause.classes;
  const sticky = clause.sticky && (clause.classes & 0o007) !== 0 ? 0o1000 : 0;
  switch (clause.operator) {
    case '+':
      return mode | bits | sticky;
    case '-':
      return mode & ~(bits | sticky);
    case '=':
      return (mode & ~(clause.classes | (clause.classes & 0o007 ? 0o1000 : 0))) | bits | sticky;
  }
}
