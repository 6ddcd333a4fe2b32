import { printFile } from '../print-file.js';
import { defineVerb, WordOption } from '../verb.js';

export const verb = defineVerb({
  define(command) {
    command
      .description('Print files to standard output.')
      .argument('<path...>')
      .addOption(new WordOption('-ignoreCrc', 'accepted for HDFS; checksums are always verified'));
  },
  async run(session, args) {
    await session.forEach(args, (item) => printFile(session, item));
  },
});
