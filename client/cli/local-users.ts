/** Users and groups of this machine, by /etc/passwd and /etc/group. */
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';

/** Who calls the cluster: $HADOOP_USER_NAME, $DFS_USER, or the user that runs this process (its number when it has no name). */
export function callingUser(variables: Readonly<Record<string, string | undefined>>): string {
  return variables['HADOOP_USER_NAME'] || variables['DFS_USER'] || systemUser();
}

function systemUser(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'nobody'); // containers run as numbers without an entry in /etc/passwd
  }
}

interface Entry {
  readonly name: string;
  readonly id: number;
  readonly members: readonly string[];
}

/** Name of a user or group number; undefined when it has none. */
export function nameOfId(kind: 'passwd' | 'group', id: number): string | undefined {
  return entries(kind).find((entry) => entry.id === id)?.name;
}

/** Number of a user or group; undefined when there is none of that name. */
export function idOfName(kind: 'passwd' | 'group', name: string): number | undefined {
  return entries(kind).find((entry) => entry.name === name)?.id;
}

/** Names of the groups that a user is in, as this machine knows them. */
export function groupsOf(user: string): string[] {
  const primary = passwdFields().find((fields) => fields[0] === user)?.[3];
  return entries('group')
    .filter((group) => String(group.id) === primary || group.members.includes(user))
    .map((group) => group.name);
}

function entries(kind: 'passwd' | 'group'): Entry[] {
  return (kind === 'passwd' ? passwdFields() : read('/etc/group')).map(([name = '', , id = '', members = '']) => ({
    name,
    id: Number(id),
    members: members.split(','),
  }));
}

function passwdFields(): string[][] {
  return read('/etc/passwd');
}

function read(file: string): string[][] {
  let text = cache.get(file);
  if (text === undefined) {
    text = readOrNothing(file);
    cache.set(file, text);
  }
  return text.split('\n').map((line) => line.split(':'));
}

const cache = new Map<string, string>();

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
