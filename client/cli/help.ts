/** What `dfs help` prints. docs/CLI.md has the same texts, which a test compares. */
import { commandFor, generalOptions } from './command-line.js';
import { aliasesOf, allVerbs, resolveVerb, type VerbEntry } from './verbs.js';

const SECTIONS: readonly (readonly [title: string, first: string])[] = [
  ['Files and directories', 'ls'],
  ['Copying', 'put'],
  ['Changing the namespace', 'mkdir'],
  ['Space', 'du'],
  ['Mounting', 'mount'],
  ['Administration', 'fsck'],
  ['A cluster on this machine', 'cluster start'],
  ['About the command', 'help'],
];

const SERVERS = [
  ['namenode', 'run a NameNode (--format makes its directory first), back up, restore or recover its metadata'],
  ['datanode', 'run a DataNode'],
] as const;

/** Of the longest name, and a gap. */
const WIDTH = 28;

function row(left: string, right: string): string {
  return `  ${left.padEnd(WIDTH)}${right}\n`;
}

/** The list of commands. */
export function overview(): string {
  let text = 'Usage: dfs [general options] <command> [options] [arguments]\n';
  text += "HDFS's spelling works too: dfs -ls /, dfs dfsadmin -report.\n";
  for (const { name, summary } of allVerbs()) {
    const section = SECTIONS.find(([, first]) => first === name);
    if (name === 'help') text += `\nServers\n${SERVERS.map(([server, what]) => row(server, what)).join('')}`;
    if (section !== undefined) text += `\n${section[0]}\n`;
    text += row(name, summary);
  }
  text += '\nGeneral options, before or after the command\n';
  for (const option of generalOptions()) text += row(option.flags, option.description);
  return `${text}\n\`dfs help <command>\` explains one.\n`;
}

/** Usage, description and flags of one verb. */
export async function verbHelp(name: string): Promise<string> {
  const entry = resolveVerb(name) as VerbEntry;
  const text = commandFor(entry.name, await entry.load()).helpInformation();
  const aliases = aliasesOf(entry.name);
  return aliases.length === 0 ? text : `${text}\nAlso: ${aliases.join(', ')}\n`;
}
