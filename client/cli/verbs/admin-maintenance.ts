import { parseDurationMs } from '../../../common/units.js';
import { administer } from '../administer-datanodes.js';
import { UsageError } from '../errors.js';
import { defineVerb, WordOption } from '../verb.js';

interface Options {
  readonly for?: string;
  readonly wait?: true;
}

export const verb = defineVerb<Options>({
  define(command) {
    command
      .description(
        'Take DataNodes out of service for a while. Their replicas go on counting while they are away, so that they are not copied; only blocks ' +
          'that would have less than dfs.namenode.maintenance.replication.min replicas without them are. Once a DataNode is In Maintenance, ' +
          'it can be stopped. When the time is over, or after `dfs admin recommission`, it is as any other. Only the superuser may.',
      )
      .argument('<datanode...>')
      .addOption(new WordOption('-for <time>', 'when it ends by itself: 30m, 2h, 1d (default: never)'))
      .option('-w, --wait', 'wait until they are in maintenance');
  },
  async run(session, datanodes, { for: time, wait = false }) {
    const timeMs = time === undefined ? 0 : parseDurationMs(time, 's');
    if (timeMs === undefined || (time !== undefined && timeMs === 0))
      throw new UsageError(`'${time}' is no time such as 30m or 2h.`);
    const maintenanceExpiresMs = timeMs === 0 ? 0 : session.environment.clock.now() + timeMs;
    await administer(session, { action: 'maintenance', datanodes, maintenanceExpiresMs, wait });
  },
});
