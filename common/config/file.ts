import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { DfsError, messageOf, osErrorCode } from '../errors.js';

const fileSchema = z.record(z.string(), z.union([z.string(), z.array(z.string())])).nullable();

/**
 * The properties in a YAML file, as text. A list becomes its items with commas between them.
 * @throws DfsError `InvalidConfiguration`.
 */
export function readConfigurationFile(file: string): [name: string, text: string][] {
  const parsed = fileSchema.safeParse(parseYaml(file, readText(file)));
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path.join('.');
    const what = where ? `the value of "${where}" is neither a text nor a list of texts` : 'it is not a mapping';
    throw new DfsError(
      'InvalidConfiguration',
      `Cannot use ${file}: ${what}. A configuration file has lines such as "dfs.blocksize: 64m".`,
    );
  }
  return Object.entries(parsed.data ?? {}).map(([name, value]) => [name, String(value)]);
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

/** With YAML's failsafe schema every value stays the text that the user wrote: 022 is no number yet. */
function parseYaml(file: string, text: string): unknown {
  try {
    return parse(text, { schema: 'failsafe' });
  } catch (error) {
    throw new DfsError('InvalidConfiguration', `${file} is not valid YAML: ${messageOf(error).trim()}`, {
      cause: error,
    });
  }
}
