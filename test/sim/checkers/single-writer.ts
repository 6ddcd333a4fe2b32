/** A file has one writer at a time: nobody was given a file while another one's writes to it were still acknowledged. */
import type { Checker } from './checker.js';

export const singleWriter: Checker = {
  name: 'one writer per file',
  async check({ world, workplace }) {
    for (const [index, tenure] of workplace.tenures.entries()) {
      for (const other of workplace.tenures.slice(index + 1)) {
        if (other.path !== tenure.path || other.fromMs >= tenure.untilMs || tenure.fromMs >= other.untilMs) continue;
        world.violation(
          `${tenure.path} had two writers: ${tenure.writer} from ${tenure.fromMs} to ${tenure.untilMs} ms, ` +
            `${other.writer} from ${other.fromMs} to ${other.untilMs} ms`,
        );
      }
    }
  },
};
