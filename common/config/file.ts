import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { DfsError, messageOf, osErrorCode } from '../errors.js';

/**
 * The properties in a YAML file, as text. A list becomes its items with commas between them.
 * @throws DfsError `InvalidConfiguration`.
 */
export function readConfigurationFile(file: string): [name: string, text: string][] {
  const content = parseYaml(file, readText(file));
  if (content === null || content === '') return [];
  if (typeof content !== 'object' || Array.isArray(content)) throw unusable(file, 'it is not a mapping');
  return Object.entries(content).map(([name, value]) => {
    const items: unknown[] = Array.isArray(value) ? value : [value];
    if (!items.every((item) => typeof item === 'string')) {
      throw unusable(file, `the value of "${name}" is neither a text nor a list of texts`);
    }
    return [name, items.join(',')];
  });
}

function unusable(file: string, why: string): DfsError {
  const example = 'A configuration file has lines such as "dfs.blocksize: 64m".';
  return new DfsError('InvalidConfiguration', `Cannot use ${file}: ${why}. ${example}`);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const what = osErrorCode(error) === 'ENOENT' ? 'there is no such file' : messageOf(error);
    throw new DfsError('InvalidConfiguration', `Cannot read the configuration file ${file}: ${what}.`, {
      cause: error,
    });
  }
}

function parseYaml(file: string, text: string): unknown {
  // Loaded only here: most commands have no file, and the parser would be a good part of their time.
  const { parse } = createRequire(import.meta.url)('yaml') as typeof import('yaml');
  try {
    // With YAML's failsafe schema every value stays the text that the user wrote: 022 is no number yet.
    return parse(text, { schema: 'failsafe' });
  } catch (error) {
    const message = `${file} is not valid YAML: ${messageOf(error).trim()}`;
    throw new DfsError('InvalidConfiguration', message, { cause: error });
  }
}
