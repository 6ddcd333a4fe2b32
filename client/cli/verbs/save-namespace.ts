import { defineVerb } from '../verb.js';

export const verb = defineVerb({
  define(command) {
    command.description('Fold the edit log into the checkpoint now. Only the superuser may.');
  },
  async run(session) {
    const txid = await (await session.fs()).saveNamespace();
    await session.out.line(`Save namespace successful: all changes up to transaction ${txid} are in the checkpoint.`);
  },
});
