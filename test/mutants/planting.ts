/** A copy of the sources, in which bugs can be planted without touching the originals. */
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutant, Slip } from './mutants.js';

/** What a simulation needs, and the compiler. */
const COPIED = [
  'client',
  'common',
  'datanode',
  'namenode',
  'proto',
  'test/sim',
  'test/mutants',
  'package.json',
  'tsconfig.json',
] as const;

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

export class Plantation {
  readonly directory = mkdtempSync(join(tmpdir(), 'mini-hdfs-mutant-'));

  constructor() {
    for (const path of COPIED) cpSync(join(PROJECT, path), join(this.directory, path), { recursive: true });
    symlinkSync(realpathSync(join(PROJECT, 'node_modules')), join(this.directory, 'node_modules'));
  }

  /** Returns how to take the bug out again. @throws Error when one of its snippets does not occur exactly once. */
  plant({ name, also = [], ...first }: Mutant): () => void {
    const undo: (() => void)[] = [];
    for (const slip of [first, ...also]) undo.unshift(this.#plantOne(name, slip));
    return () => {
      for (const takeOut of undo) takeOut();
    };
  }

  #plantOne(name: string, { file, find, replace }: Slip): () => void {
    const path = join(this.directory, file);
    const before = readFileSync(path, 'utf8');
    const occurrences = before.split(find).length - 1;
    if (occurrences !== 1)
      throw new Error(`mutant ${name}: its snippet occurs ${occurrences} times in ${file}, not once: ${find}`);
    writeFileSync(
      path,
      before.replace(find, () => replace),
    );
    return () => writeFileSync(path, before);
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
