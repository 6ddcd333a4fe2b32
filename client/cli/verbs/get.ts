import { runGet } from '../get.js';
import { COPY_CLEAN_UP_MS, defineVerb, WordOption } from '../verb.js';

interface Options {
  readonly force?: true;
  readonly preserve?: true;
}

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description(
        'Copy files and directories out of the cluster; - as the destination is standard output. A file appears under its name when ' +
          'it is complete. Without a destination: to the directory you are in.',
      )
      .usage('[options] <path...> [<local destination>]')
      .argument('<path...>')
      .option('-f, --force', 'replace files that exist')
      .option('-p, --preserve', 'keep times, permissions and, if you may, owner and group')
      .addOption(new WordOption('-ignoreCrc', 'accepted for HDFS; checksums are always verified'))
      .addOption(new WordOption('-crc', 'accepted for HDFS; no .crc files are written'));
  },
  cleanUpMs: COPY_CLEAN_UP_MS,
  async run(session, args, options) {
    await runGet(session, args, { overwrite: options.force === true, preserve: options.preserve === true });
  },
});
