/**
 * Loads a bundle with the code that V8 has made of it before. Compiling takes a good part of the time of a short command; Node has a cache for that from version 22 on
 * only (module.enableCompileCache).
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { Script } from 'node:vm';

/** @param {string} file */
const codeFileOf = (file) => `${file}.code`;

/**
 * The exports of the bundle, a CommonJS module in ASCII. Code that is missing, or of another version of V8, only costs time.
 * @param {string} file
 */
export function loadBundle(file) {
  return evaluate(compile(file), file);
}

/**
 * The same, and leaves the code of all functions that were called beside the bundle when the process ends.
 * @param {string} file
 */
export function loadBundleAndKeepCode(file) {
  const script = compile(file);
  process.on('exit', () => {
    const unfinished = `${codeFileOf(file)}.tmp`;
    writeFileSync(unfinished, script.createCachedData());
    renameSync(unfinished, codeFileOf(file));
  });
  return evaluate(script, file);
}

/** @param {string} file */
function compile(file) {
  const cachedData = readIfThere(codeFileOf(file));
  // latin1 is read fastest, and the same for ASCII.
  return new Script(module.wrap(readFileSync(file, 'latin1')), { filename: file, ...(cachedData && { cachedData }) });
}

/** @param {string} file */
function readIfThere(file) {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

/**
 * @param {Script} script
 * @param {string} file
 */
function evaluate(script, file) {
  const loaded = { exports: {} };
  script.runInThisContext()(loaded.exports, createRequire(file), loaded, file, dirname(file));
  return /** @type {any} */ (loaded.exports);
}
