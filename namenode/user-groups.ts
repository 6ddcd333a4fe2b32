/**
 * Which groups a user is in, as the machine of the NameNode knows it (/etc/passwd, /etc/group), or as
 * `hadoop.user.group.static.mapping.overrides` says. A user nobody knows has no groups.
 */
import { DfsError } from '../common/errors.js';

export interface GroupSources {
  readonly passwd: string;
  readonly group: string;
  /** "user=group1,group2;user2=group3" */
  readonly overrides: string;
}

export type UserGroups = ReadonlyMap<string, readonly string[]>;

/** @throws DfsError `InvalidConfiguration` when the overrides are not of their form. */
export function parseUserGroups({ passwd, group, overrides }: GroupSources): UserGroups {
  const users = new Map<string, Set<string>>();
  const add = (user: string, name: string) => {
    const groups = users.get(user) ?? new Set();
    users.set(user, groups.add(name));
  };
  const nameOf = new Map<string, string>();
  for (const [name, , id, members] of records(group)) {
    if (name === undefined || id === undefined) continue;
    nameOf.set(id, name);
    for (const user of listed(members ?? '')) add(user, name);
  }
  for (const [user, , , groupId] of records(passwd)) {
    const primary = nameOf.get(groupId ?? '');
    if (user !== undefined && primary !== undefined) add(user, primary);
  }
  const found = new Map([...users].map(([user, groups]) => [user, [...groups]]));
  for (const [user, groups] of parseOverrides(overrides)) found.set(user, groups);
  return found;
}

function parseOverrides(text: string): [user: string, groups: string[]][] {
  return text
    .split(';')
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const [user = '', groups, ...rest] = part.split('=');
      if (user.trim() === '' || groups === undefined || rest.length > 0) {
        throw new DfsError(
          'InvalidConfiguration',
          `hadoop.user.group.static.mapping.overrides: "${part}" is not of the form user=group1,group2`,
        );
      }
      return [user.trim(), listed(groups)];
    });
}

const records = (text: string) => text.split('\n').map((line) => line.split(':'));

const listed = (text: string) =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
