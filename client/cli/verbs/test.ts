import { UsageError } from '../errors.js';
import { groupsOf } from '../local-users.js';
import type { ExistingItem, Session } from '../session.js';
import { defineVerb } from '../verb.js';

const QUESTIONS = {
  exists: async () => true,
  directory: async (_session, { status }) => status.type === 'DIRECTORY',
  file: async (_session, { status }) => status.type === 'FILE',
  nonEmpty: async (_session, { status }) => status.length > 0,
  empty: async (_session, { status }) => status.length === 0,
  readable: (session, item) => mayAccess(session, item, 4),
  writable: (session, item) => mayAccess(session, item, 2),
} as const satisfies Record<string, (session: Session, item: ExistingItem) => Promise<boolean>>;

type Question = keyof typeof QUESTIONS;

export const verb = defineVerb<Partial<Record<Question, true>>>({
  define(command) {
    command
      .description('Answer a question about a path: the exit code is 0 for yes and 1 for no.')
      .argument('<path>')
      .option('-e, --exists', 'does it exist?')
      .option('-d, --directory', 'is it a directory?')
      .option('-f, --file', 'is it a file?')
      .option('-s, --non-empty', 'is it larger than 0 bytes?')
      .option('-z, --empty', 'is it 0 bytes large?')
      .option('-r, --readable', 'do its permissions let you read it?')
      .option('-w, --writable', 'do its permissions let you write it?');
  },
  async run(session, args, options) {
    const asked = (Object.keys(QUESTIONS) as Question[]).filter((question) => options[question]);
    const [question, second] = asked;
    if (question === undefined) throw new UsageError('no test flag given.');
    if (second !== undefined) throw new UsageError('only one test flag is allowed.');
    if (args.length > 1) throw new UsageError('only one path is allowed.');
    await session.forEach(
      args,
      async (item) => {
        if (!(await QUESTIONS[question](session, item))) session.exitCode = 1;
      },
      async () => {
        session.exitCode = 1;
      },
    );
  },
});

/**
 * The NameNode has no call for this question, so it is answered from the permission bits, with the groups that this machine knows;
 * the owner of the root directory is the superuser.
 */
async function mayAccess(session: Session, { status, ...item }: ExistingItem, bit: number): Promise<boolean> {
  const { user } = session.environment;
  const groups = groupsOf(user);
  const superGroup = session.configuration.get('dfs.permissions.superusergroup');
  const root = await (await session.fs(item)).stat('/');
  if (user === root.owner || groups.includes(superGroup)) return true;
  const shift = user === status.owner ? 6 : groups.includes(status.group) ? 3 : 0;
  return ((status.mode >> shift) & bit) !== 0;
}
