/** `npm run docs`: writes docs/CONFIGURATION.md from the registry of properties. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Property } from '../common/config/kinds.js';
import { PROPERTIES } from '../common/config/properties.js';

export const CONFIGURATION_DOCS = fileURLToPath(new URL('../docs/CONFIGURATION.md', import.meta.url));

const INTRODUCTION = `# Settings

This file is made from the registry of settings (\`common/config/properties.ts\`) by \`npm run docs\`.

A setting comes from \`-D name=value\` on the command line, else from the YAML file given with \`--config\`, else it has its
default. The file is a plain mapping:

\`\`\`yaml
dfs.blocksize: 64m
dfs.datanode.data.dir:
  - /disk1/dfs
  - /disk2/dfs
\`\`\`

Names and meanings are HDFS's where HDFS has the setting. A number without a unit counts in the unit that HDFS uses for that
name; sizes take \`k\`, \`m\`, \`g\`, \`t\`, times take \`ms\`, \`s\`, \`m\`, \`h\`, \`d\`. All settings are checked when a process starts: an unknown
name or a value that is not allowed ends it with a message that says what is.
`;

const SECTIONS: readonly (readonly [title: string, prefix: string])[] = [
  ['NameNode', 'dfs.namenode.'],
  ['DataNode', 'dfs.datanode.'],
  ['Client', 'dfs.client'],
  ['All', ''],
];

/** The whole of docs/CONFIGURATION.md. */
export function configurationDocs(): string {
  const bySection = new Map<string, string[]>(SECTIONS.map(([title]) => [title, []]));
  for (const [name, property] of Object.entries(PROPERTIES)) {
    const section = SECTIONS.find(([, prefix]) => name.startsWith(prefix));
    if (section !== undefined) bySection.get(section[0])?.push(row(name, property));
  }
  const tables = [...bySection].map(([title, rows]) => `## ${title}\n\n${table(rows)}`);
  return `${INTRODUCTION}\n${tables.join('\n')}`;
}

function table(rows: readonly string[]): string {
  return `| Setting | Default | Meaning | Allowed |\n| --- | --- | --- | --- |\n${rows.join('')}`;
}

function row(name: string, property: Property<unknown>): string {
  const defaultText = property.default === '' ? 'empty' : `\`${property.default}\``;
  return `| \`${name}\` | ${defaultText} | ${property.doc} | ${property.allowed} |\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(CONFIGURATION_DOCS, configurationDocs());
