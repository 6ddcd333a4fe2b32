import { asPathError, UsageError } from '../errors.js';
import { parseBlockId, writeBlocks, writeLostBlocks } from '../fsck-blocks.js';
import { LOST_AND_FOUND, treatDamage } from '../fsck-damage.js';
import { writeFsckJson } from '../fsck-json.js';
import { FsckText } from '../fsck-text.js';
import type { RemotePath } from '../remote-path.js';
import type { Session } from '../session.js';
import { COPY_CLEAN_UP_MS, defineVerb, jsonOption, WordOption } from '../verb.js';

interface Options {
  readonly files?: true;
  readonly blocks?: true;
  readonly locations?: true;
  readonly racks?: true;
  readonly openforwrite?: true;
  readonly move?: true;
  readonly delete?: true;
  readonly listCorruptfileblocks?: true;
  readonly blockId?: true;
  readonly json?: true;
}

export const verb = defineVerb<Options>({
  cleanUpMs: COPY_CLEAN_UP_MS,
  define(command) {
    command
      .description(
        'Check the blocks of all files below a path. The exit code is 0 when every block can be read, and 1 when one cannot: ' +
          'when all of its replicas are corrupt or missing. Blocks with too few replicas are repaired by themselves.\n\n' +
          'Before -delete: blocks are missing, too, when the DataNodes that have them are only away.',
      )
      .argument('<path | block...>')
      .addOption(new WordOption('-files', 'list the files'))
      .addOption(new WordOption('-blocks', 'and their blocks'))
      .addOption(new WordOption('-locations', 'and the DataNodes that hold them'))
      .addOption(new WordOption('-racks', 'and their racks'))
      .addOption(new WordOption('-openforwrite', 'list the files that are being written'))
      .addOption(
        new WordOption(
          '-move',
          `copy what can be read of files that have lost blocks to ${LOST_AND_FOUND}/<path>/0, 1, …`,
        ),
      )
      .addOption(new WordOption('-delete', 'remove files that have lost blocks; with -move after the copy'))
      .addOption(new WordOption('-list-corruptfileblocks', 'only the blocks that cannot be read, and their files'))
      .addOption(new WordOption('-blockId', 'show blocks, such as blk_1073741825, instead of files below a path'))
      .addOption(jsonOption());
  },
  async run(session, args, options) {
    if (options.blockId === true) return await showBlocks(session, args.map(parseBlockId));
    if (args.length !== 1) throw new UsageError('only one path is allowed.');
    const path = session.path(args[0] as string);
    try {
      const healthy = await check(session, path, options);
      if (!healthy) session.exitCode = 1;
    } catch (error) {
      throw asPathError(error, path.shown);
    }
  },
});

async function showBlocks(session: Session, ids: readonly number[]): Promise<void> {
  const files = await (await session.fs()).fsckBlocks(ids);
  if (!(await writeBlocks(session.out, ids, files))) session.exitCode = 1;
}

/** Returns whether the files are healthy, or were before something was done about them. */
async function check(session: Session, path: RemotePath, options: Options): Promise<boolean> {
  const { out, environment, signal } = session;
  const { clock, user } = environment;
  const fs = await session.fs(path);
  const startMs = clock.monotonicMs();
  const say = async (line: string): Promise<void> => {
    if (options.json !== true) await out.line(line);
  };
  const steps = treatDamage(session, fs, fs.fsck(path.absolute, { signal }), options, say);
  if (options.listCorruptfileblocks === true) return await writeLostBlocks(out, path.absolute, steps);
  if (options.json === true) return await writeFsckJson(out, path.absolute, steps);
  const { replication } = fs.serverDefaults();
  await out.line(`FSCK started by ${user} for path ${path.absolute}`);
  const text = new FsckText(out, options);
  return await text.write(path.absolute, steps, replication, () => Math.round(clock.monotonicMs() - startMs));
}
