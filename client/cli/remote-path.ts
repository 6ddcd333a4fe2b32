/**
 * Remote paths as people write them: absolute, relative to the home directory `/user/<name>`, or as a URI
 * `hdfs://host:port/path`. What was written is kept beside the absolute path, because HDFS's shell shows paths as they were given.
 */
import { UsageError } from './errors.js';

export interface RemotePath {
  /** As the user wrote it (or a child of what the user wrote): for output and error texts. */
  readonly shown: string;
  /** Without `//`, `.`, `..` and a trailing slash. */
  readonly absolute: string;
  /** `host:port` when the path names its cluster. */
  readonly namenode?: string;
}

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):(.*)$/s;

/** @throws UsageError when the path is empty or names another kind of file system. */
export function parseRemotePath(text: string, homeDirectory: string): RemotePath {
  if (text === '') throw new UsageError('a path must not be empty.');
  const { namenode, path } = splitUri(text);
  const absolute = normalize(path.startsWith('/') ? path : `${homeDirectory}/${path}`);
  return { shown: text, absolute, ...(namenode === undefined ? {} : { namenode }) };
}

function splitUri(text: string): { readonly namenode?: string; readonly path: string } {
  const scheme = SCHEME.exec(text);
  // A colon further back belongs to a name: HDFS asks for a slash behind the scheme too.
  if (scheme === null || !scheme[2]?.startsWith('/')) return { path: text };
  if (scheme[1] !== 'hdfs') throw new UsageError(`'${text}' is not on this file system: only hdfs:// paths are.`);
  const rest = scheme[2];
  if (!rest.startsWith('//')) return { path: rest };
  const slash = rest.indexOf('/', 2);
  const authority = slash < 0 ? rest.slice(2) : rest.slice(2, slash);
  const path = slash < 0 ? '/' : rest.slice(slash);
  return authority === '' ? { path } : { namenode: authority.includes(':') ? authority : `${authority}:8020`, path };
}

/** An absolute path without `//`, `.` and a trailing slash; `..` takes the name before it away, and stops at the root. */
export function normalize(path: string): string {
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return `/${names.join('/')}`;
}

export function childOf(parent: RemotePath, name: string): RemotePath {
  const shown = parent.shown === '.' ? name : parent.shown + (parent.shown.endsWith('/') ? '' : '/') + name;
  return { ...parent, shown, absolute: parent.absolute === '/' ? `/${name}` : `${parent.absolute}/${name}` };
}

/** The last name of the path; empty for the root. */
export function nameOf(path: RemotePath): string {
  return path.absolute.slice(path.absolute.lastIndexOf('/') + 1);
}

/** `/` for the root itself. */
export function parentOf(absolute: string): string {
  return absolute.slice(0, Math.max(1, absolute.lastIndexOf('/')));
}

/** Whether the user wrote the path as that of a directory: with a slash at its end, or `.` or `..`. */
export function looksLikeDirectory(path: RemotePath): boolean {
  return /(^|\/)\.{0,2}$/.test(path.shown);
}

/** Whether `inner` is below `outer`. */
export function isBelow(inner: RemotePath, outer: RemotePath): boolean {
  return inner.absolute.startsWith(outer.absolute === '/' ? '/' : `${outer.absolute}/`);
}
