/** Paths of the namespace: their form and their limits, which are HDFS's. Unlike HDFS, names may hold a colon: real files do. */
import { DfsError } from '../common/errors.js';

const PATH_CHARACTERS_MAX = 8_000;
const DEPTH_MAX = 1_000;
/** Half a character: cannot be written as UTF-8. */
const LONE_SURROGATE = /\p{Surrogate}/u;

export interface DfsPath {
  /** As it was given: "/", "/a/b c". */
  readonly text: string;
  /** Empty for the root. */
  readonly components: readonly string[];
}

/**
 * Checks the form of a path and takes it apart.
 * @throws DfsError `InvalidPath`, `PathTooLong`.
 */
export function parsePath(text: string): DfsPath {
  if (!text.startsWith('/')) throw invalid(text, 'a path begins with "/"');
  if (text === '/') return { text, components: [] };
  if (text.length > PATH_CHARACTERS_MAX) {
    throw new DfsError(
      'PathTooLong',
      `Pathname too long: ${text.length} characters. Limit ${PATH_CHARACTERS_MAX} characters, ${DEPTH_MAX} levels.`,
    );
  }
  if (text.includes('\0') || LONE_SURROGATE.test(text))
    throw invalid(text, 'it holds characters that no name can have');
  const components = text.split('/');
  components.shift();
  if (components.length > DEPTH_MAX) {
    throw new DfsError(
      'PathTooLong',
      `Pathname too long: ${components.length} levels. Limit ${PATH_CHARACTERS_MAX} characters, ${DEPTH_MAX} levels.`,
    );
  }
  for (const component of components) {
    if (component === '') throw invalid(text, 'it has an empty component ("//", or "/" at the end)');
    if (component === '.' || component === '..') throw invalid(text, `"${component}" is no name; resolve it first`);
  }
  return { text, components };
}

/** The path of the first `depth` components: what stands above, in messages. */
export function prefixOf(path: DfsPath, depth: number): string {
  return `/${path.components.slice(0, depth).join('/')}`;
}

export function childPath(parent: DfsPath, name: string): DfsPath {
  return parsePath(parent.text === '/' ? `/${name}` : `${parent.text}/${name}`);
}

export function isInside(path: DfsPath, above: DfsPath): boolean {
  return (
    path.components.length > above.components.length && above.components.every((name, i) => path.components[i] === name)
  );
}

/**
 * Whether the components from `from` on may be given to new inodes.
 * @throws DfsError `PathTooLong` when a name is too long, `InvalidPath` when it is reserved.
 */
export function checkNewNames(path: DfsPath, from: number, componentBytesMax: number): void {
  for (let i = from; i < path.components.length; i++) {
    const name = path.components[i] as string;
    // A UTF-16 unit takes at most three bytes.
    if (name.length * 3 > componentBytesMax && Buffer.byteLength(name) > componentBytesMax) {
      throw new DfsError(
        'PathTooLong',
        `The maximum path component name limit of ${name} in directory ${prefixOf(path, i)} is exceeded: ` +
          `limit=${componentBytesMax} length=${Buffer.byteLength(name)}`,
      );
    }
    if (name === '.snapshot' || (i === 0 && name === '.reserved'))
      throw invalid(path.text, `"${name}" is a reserved name`);
  }
}

function invalid(text: string, reason: string): DfsError {
  return new DfsError('InvalidPath', `Invalid path name ${text.slice(0, 200)}: ${reason}`);
}
