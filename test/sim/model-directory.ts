/**
 * What the namespace below one directory must look like. Each directory of the model has one client that changes it, and a name is
 * never used twice; so the model is exact, but for operations of which nobody knows whether they were done (the call got no
 * answer): the names of these may be there or not.
 */
import type { ModelFile } from './model-file.js';

export class ModelDirectory {
  readonly entries = new Map<string, ModelFile | ModelDirectory>();
  /** Names that may be there or not; with the file, if it is known what it would hold. */
  readonly uncertain = new Map<string, ModelFile | undefined>();

  /** It is unknown what has become of `name`. */
  doubt(name: string): void {
    const entry = this.entries.get(name);
    this.entries.delete(name);
    this.uncertain.set(name, entry instanceof ModelDirectory ? undefined : entry);
  }

  /** All files that must be there, below this directory as well, by path. */
  *files(path: string): Generator<[path: string, file: ModelFile]> {
    for (const [name, entry] of this.entries) {
      if (entry instanceof ModelDirectory) yield* entry.files(`${path}/${name}`);
      else yield [`${path}/${name}`, entry];
    }
  }

  /** All directories that must be there, this one first. */
  *directories(path: string): Generator<[path: string, directory: ModelDirectory]> {
    yield [path, this];
    for (const [name, entry] of this.entries) {
      if (entry instanceof ModelDirectory) yield* entry.directories(`${path}/${name}`);
    }
  }

  /** What is wrong with a listing of this directory; undefined when nothing is. */
  faultIn(names: readonly string[]): string | undefined {
    const found = new Set(names);
    if (found.size !== names.length) return `a name is listed twice: ${names.join(' ')}`;
    for (const name of this.entries.keys()) if (!found.has(name)) return `${name} is missing`;
    for (const name of names) {
      if (!this.entries.has(name) && !this.uncertain.has(name)) return `${name} should not be there`;
    }
    return undefined;
  }
}
