import { humanSize, parseSize } from '../../../common/units.js';
import { UsageError } from '../errors.js';
import { defineVerb } from '../verb.js';

export const verb = defineVerb({
  define(command) {
    command
      .description(
        'Set how many bytes a second each DataNode copies for the balancer (10m, 100m). It holds until the NameNode is restarted; ' +
          'dfs.datanode.balance.bandwidthPerSec is the setting that stays. Only the superuser may.',
      )
      .argument('<bytes>');
  },
  async run(session, args) {
    const bytesPerSecond = parseSize(args[0] ?? '');
    if (bytesPerSecond === undefined || bytesPerSecond < 1 || args.length > 1)
      throw new UsageError(`'${args.join(' ')}' is not a number of bytes such as 10m.`);
    await (await session.fs()).setBalancerBandwidth(bytesPerSecond);
    await session.out.line(`Balancer bandwidth is set to ${humanSize(bytesPerSecond, 'B')} a second.`);
  },
});
