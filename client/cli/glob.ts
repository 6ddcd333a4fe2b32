/**
 * File patterns as HDFS has them: `*` (any characters but `/`), `?` (one), `[a-z]`, `[^a-z]` (one of, none of), `{a,b/c}` (either), and
 * `\` before a character that shall stand for itself. A dot at the start of a name is nothing special.
 */
import { UsageError } from './errors.js';

/** More alternatives than anyone types: a bound for `{a,b}{a,b}{a,b}…`. */
const MAX_ALTERNATIVES = 4096;

export function hasGlob(pattern: string): boolean {
  return /[*?[{\\]/.test(pattern);
}

/**
 * The patterns without braces that a pattern stands for: `/a/{b,c}` → `/a/b`, `/a/c`. Braces may be nested and may hold slashes.
 * @throws UsageError when a brace is not closed, or there are too many alternatives.
 */
export function expandBraces(pattern: string): string[] {
  const done = new Set<string>();
  let todo = [pattern];
  while (todo.length > 0) {
    const next: string[] = [];
    for (const text of todo) {
      const alternatives = expandFirstBrace(text, pattern);
      if (alternatives === undefined) done.add(text);
      else next.push(...alternatives);
    }
    if (done.size + next.length > MAX_ALTERNATIVES) {
      throw new UsageError(`the pattern '${pattern}' has more than ${MAX_ALTERNATIVES} alternatives.`);
    }
    todo = next;
  }
  return [...done];
}

function expandFirstBrace(text: string, whole: string): string[] | undefined {
  const open = indexOutsideClass(text, 0, '{');
  if (open < 0) return undefined;
  const parts: string[] = [];
  let depth = 0;
  let partStart = open + 1;
  for (let i = open; i < text.length; i++) {
    const c = text[i];
    if (c === '\\') i++;
    else if (c === '{') depth++;
    else if (c === '}') depth--;
    if (depth === 0 || (depth === 1 && c === ',')) {
      parts.push(text.slice(partStart, i));
      partStart = i + 1;
    }
    if (depth === 0) return parts.map((part) => text.slice(0, open) + part + text.slice(i + 1));
  }
  throw new UsageError(`illegal file pattern '${whole}': a { is not closed.`);
}

/** Index of `wanted` from `start` on, where it is neither escaped nor inside [ ]. */
function indexOutsideClass(text: string, start: number, wanted: string): number {
  for (let i = start; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === wanted) return i;
    else if (text[i] === '[') i = Math.max(i, classEnd(text, i));
  }
  return -1;
}

/** Index of the ] that ends the class opened at `open`; -1 when there is none. A ] right behind the [ is a member. */
function classEnd(text: string, open: number): number {
  let i = open + 1;
  if (text[i] === '^' || text[i] === '!') i++;
  if (text[i] === ']') i++;
  for (; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === ']') return i;
  }
  return -1;
}

/** Splits a pattern at its slashes; those inside [ ] or behind a backslash do not count. */
export function splitPattern(pattern: string): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let slash = indexOutsideClass(pattern, 0, '/'); slash >= 0; slash = indexOutsideClass(pattern, start, '/')) {
    parts.push(pattern.slice(start, slash));
    start = slash + 1;
  }
  parts.push(pattern.slice(start));
  return parts.filter((part) => part !== '');
}

export type NamePattern =
  | { readonly kind: 'literal'; readonly name: string }
  | { readonly kind: 'pattern'; matches(name: string): boolean };

/** One component of a pattern, without braces. @throws UsageError when a [ is not closed. */
export function compileName(component: string): NamePattern {
  if (!/[*?[]/.test(component.replace(/\\./gs, ''))) return { kind: 'literal', name: withoutEscapes(component) };
  const expression = regularExpression(component);
  return { kind: 'pattern', matches: (name) => expression.test(name) };
}

function regularExpression(component: string): RegExp {
  try {
    return new RegExp(`^${toExpression(component)}$`, 'su');
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError(`illegal file pattern '${component}': a range in [ ] runs backwards.`);
  }
}

/** The text without the backslashes that make its characters stand for themselves. */
export function withoutEscapes(text: string): string {
  return text.replace(/\\(.)/gs, '$1');
}

function toExpression(component: string): string {
  let out = '';
  for (let i = 0; i < component.length; i++) {
    const c = component[i] as string;
    if (c === '*') out += '.*';
    else if (c === '?') out += '.';
    else if (c === '\\' && i + 1 < component.length) out += quote(component[++i] as string);
    else if (c === '[') {
      const end = classEnd(component, i);
      if (end < 0) throw new UsageError(`illegal file pattern '${component}': a [ is not closed.`);
      out += classExpression(component.slice(i + 1, end));
      i = end;
    } else out += quote(c);
  }
  return out;
}

function classExpression(members: string): string {
  const negated = /^[!^]/.test(members);
  const rest = negated ? members.slice(1) : members;
  let inner = '';
  for (let i = 0; i < rest.length; i++) {
    const c = rest[i] as string;
    if (c === '\\' && i + 1 < rest.length) inner += quoteMember(rest[++i] as string);
    else inner += c === '-' && i > 0 && i + 1 < rest.length ? '-' : quoteMember(c);
  }
  return `[${negated ? '^' : ''}${inner}]`;
}

function quote(c: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(c) ? `\\${c}` : c;
}

function quoteMember(c: string): string {
  return c === '-' ? '\\-' : quote(c);
}
