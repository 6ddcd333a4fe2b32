import { asPathError, UsageError } from '../errors.js';
import { writeFsckJson } from '../fsck-json.js';
import { FsckText } from '../fsck-text.js';
import { defineVerb, jsonOption, WordOption } from '../verb.js';

interface Options {
  readonly files?: true;
  readonly blocks?: true;
  readonly locations?: true;
  readonly racks?: true;
  readonly json?: true;
}

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description(
        'Check the blocks of all files below a path. The exit code is 0 when every block can be read, and 1 when one cannot: ' +
          'when all of its replicas are corrupt or missing. Blocks with too few replicas are repaired by themselves.',
      )
      .argument('<path>')
      .addOption(new WordOption('-files', 'list the files'))
      .addOption(new WordOption('-blocks', 'and their blocks'))
      .addOption(new WordOption('-locations', 'and the DataNodes that hold them'))
      .addOption(new WordOption('-racks', 'and their racks'))
      .addOption(jsonOption());
  },
  async run(session, args, options) {
    if (args.length > 1) throw new UsageError('only one path is allowed.');
    const path = session.path(args[0] as string);
    const fs = await session.fs(path);
    const startMs = session.environment.clock.monotonicMs();
    try {
      const steps = fs.fsck(path.absolute, { signal: session.signal });
      if (options.json) {
        session.exitCode = (await writeFsckJson(session.out, path.absolute, steps)) ? 0 : 1;
        return;
      }
      const text = new FsckText(session.out, options);
      const { replication } = fs.serverDefaults();
      await session.out.line(`FSCK started by ${session.environment.user} for path ${path.absolute}`);
      const healthy = await text.write(path.absolute, steps, replication, () => {
        return Math.round(session.environment.clock.monotonicMs() - startMs);
      });
      session.exitCode = healthy ? 0 : 1;
    } catch (error) {
      throw asPathError(error, path.shown);
    }
  },
});
