import { PathError, PROBLEMS } from '../errors.js';
import { JsonArray } from '../output.js';
import { defineVerb, jsonOption } from '../verb.js';

export const verb = defineVerb<{ readonly json?: true }>({
  define(command) {
    command
      .description('Print a checksum of each file: its path, the algorithm, the checksum in hexadecimal.')
      .argument('<path...>')
      .addOption(jsonOption());
  },
  async run(session, args, { json }) {
    const array = json ? new JsonArray(session.out) : undefined;
    await session.forEach(args, async (item) => {
      if (item.status.type === 'DIRECTORY') throw new PathError(item.shown, PROBLEMS.isDirectory);
      const { algorithm, bytes } = await (await session.fs(item)).checksum(item.absolute);
      const checksum = bytes.toString('hex');
      if (array === undefined) await session.out.line(`${item.shown}\t${algorithm}\t${checksum}`);
      else await array.item({ path: item.absolute, algorithm, checksum });
    });
    await array?.end();
  },
});
