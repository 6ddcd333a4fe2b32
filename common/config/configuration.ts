import { DfsError } from '../errors.js';
import { readConfigurationFile } from './file.js';
import type { Property } from './kinds.js';
import { nearestName } from './nearest-name.js';
import type { PropertyName, PropertyValue } from './properties.js';
import { isPropertyName, PROPERTIES } from './properties.js';
import { checkRelations } from './relations.js';

export interface ConfigurationSources {
  /** YAML file: a mapping of property names to values. */
  readonly file?: string | undefined;
  /** Values as text, by property name; they win over the file (`-D name=value`). */
  readonly overrides?: Readonly<Record<string, string>>;
}

const defaults = Object.entries(PROPERTIES).map(
  ([name, property]) => [name, property.parse(property.default)] as const,
);

/** All settings of a process, checked, with defaults filled in. Does not change. */
export class Configuration {
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #given: ReadonlyMap<PropertyName, string>;

  /** Takes values that were given, as text. @throws DfsError `InvalidConfiguration`, naming the property and where it stands. */
  constructor(given: Iterable<readonly [name: string, text: string, origin: string]>) {
    const texts = new Map<PropertyName, string>();
    const values = new Map<string, unknown>(defaults);
    for (const [name, text, origin] of given) {
      if (!isPropertyName(name)) throw unknownProperty(name, origin);
      values.set(name, parse(name, text, origin));
      texts.set(name, text);
    }
    this.#values = values;
    this.#given = texts;
  }

  get<Name extends PropertyName>(name: Name): PropertyValue<Name> {
    return this.#values.get(name) as PropertyValue<Name>;
  }

  /** Whether a file or an override gives the property, so that the default does not apply. */
  has(name: PropertyName): boolean {
    return this.#given.has(name);
  }

  /** The values that were given, as text, for passing them on to another process. */
  given(): Record<string, string> {
    return Object.fromEntries(this.#given);
  }
}

/**
 * Reads the settings: `overrides` before `file` before defaults.
 * @throws DfsError `InvalidConfiguration` with one sentence that names the property, its value and what is allowed.
 */
export function loadConfiguration({ file, overrides = {} }: ConfigurationSources): Configuration {
  const fromFile = file === undefined ? [] : readConfigurationFile(file);
  const configuration = new Configuration([
    ...fromFile.map(([name, text]) => [name, text, `in ${file}`] as const),
    ...Object.entries(overrides).map(([name, text]) => [name, text, 'given with -D'] as const),
  ]);
  checkRelations(configuration);
  return configuration;
}

function parse(name: PropertyName, text: string, origin: string): unknown {
  const property: Property<unknown> = PROPERTIES[name];
  const value = property.parse(text.trim());
  if (value === undefined) {
    const example = property.example === undefined ? '' : `, such as ${property.example}`;
    const message = `${name} is "${text}" (${origin}), but must be ${property.allowed}${example}.`;
    throw new DfsError('InvalidConfiguration', `${message} The default is "${property.default}".`);
  }
  return value;
}

function unknownProperty(name: string, origin: string): DfsError {
  const nearest = nearestName(name, Object.keys(PROPERTIES));
  const hint = nearest === undefined ? 'See docs/CONFIGURATION.md for all properties.' : `Did you mean ${nearest}?`;
  return new DfsError('InvalidConfiguration', `There is no property "${name}" (${origin}). ${hint}`);
}
