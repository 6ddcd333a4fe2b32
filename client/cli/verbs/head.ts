import { printFile } from '../print-file.js';
import { defineVerb } from '../verb.js';

/** HDFS's, which has no flag for it. */
const SHOWN_BYTES = 1024;

export const verb = defineVerb({
  define(command) {
    command.description('Print the first kilobyte of a file.').argument('<path...>');
  },
  async run(session, args) {
    await session.forEach(args, (item) => printFile(session, item, { start: 0, end: SHOWN_BYTES - 1 }));
  },
});
