import { sleep } from '../../../common/clock.js';
import { humanSize } from '../../../common/units.js';
import type { BalancerStatus } from '../../types.js';
import { UsageError } from '../errors.js';
import { utcSecond } from '../format.js';
import type { RemoteFileSystem, Session } from '../session.js';
import { Table } from '../table.js';
import { defineVerb, jsonOption, WordOption } from '../verb.js';

interface Options {
  readonly threshold?: string;
  readonly status?: true;
  readonly stop?: true;
  readonly json?: true;
}

const LOOK_INTERVAL_MS = 500;
/** Time to tell the NameNode that the user has stopped the command. */
const CLEAN_UP_MS = 5_000;
/** HDFS's words. */
const RESULTS: Readonly<Record<string, string>> = {
  balanced: 'The cluster is balanced. Exiting...',
  'no-move-block': 'No block can be moved. Exiting...',
  'no-move-progress': 'No block has been moved for 5 iterations. Exiting...',
  stopped: 'The balancer was stopped.',
  none: 'The balancer has ended, because the NameNode was restarted.',
};
const HEADER = ['Time Stamp (UTC)', 'Iteration#', 'Bytes Already Moved', 'Bytes Left To Move', 'Bytes Being Moved'];

export const verb = defineVerb<Options>({
  cleanUpMs: CLEAN_UP_MS,
  define(command) {
    command
      .description(
        'Move replicas from fuller DataNodes to emptier ones, until each is about as full as all together. No block has fewer replicas, or ' +
          'is on fewer racks, for it. The NameNode does it; the command shows how far it is, and stopping it (Ctrl-C) stops the balancing. The exit ' +
          'code is 0 when the cluster is balanced. Only the superuser may.',
      )
      .addOption(
        new WordOption(
          '-threshold <percent>',
          'how much fuller or emptier than the average a DataNode may be, in percent of its capacity (default: 10)',
        ),
      )
      .addOption(new WordOption('-status', 'only show how far the balancer is'))
      .addOption(new WordOption('-stop', 'stop the balancer, whoever has started it'))
      .addOption(jsonOption());
  },
  async run(session, args, { threshold = '10', status, stop, json }) {
    if (args.length > 0) throw new UsageError('it takes no arguments.');
    const percent = /^\d+(\.\d+)?$/.test(threshold) ? Number(threshold) : 0;
    if (percent <= 0 || percent > 100) throw new UsageError(`'${threshold}' must be more than 0 and at most 100.`);
    const fs = await session.fs();
    if (status || stop) await show(session, await fs.balancer(stop ? 'stop' : 'status'), json === true);
    else if (json) throw new UsageError('--json goes with -status and -stop only.');
    else await balance(session, fs, percent);
  },
});

async function show(session: Session, status: BalancerStatus, json: boolean): Promise<void> {
  if (json) {
    await session.out.line(JSON.stringify(status));
    return;
  }
  await session.out.line(
    `The balancer is ${status.running ? 'running' : `not running; its last result: ${status.result}`}`,
  );
  const { iteration, bytesMoved, blocksMoved, bytesLeft } = status;
  await session.out.line(
    `Iteration ${iteration}, ${blocksMoved} blocks (${humanSize(bytesMoved, 'B', 2)}) moved, ${humanSize(bytesLeft, 'B', 2)} left to move`,
  );
}

async function balance(session: Session, fs: RemoteFileSystem, thresholdPercent: number): Promise<void> {
  const { clock } = session.environment;
  const startMs = clock.monotonicMs();
  let status = await fs.balancer('start', thresholdPercent);
  const table = new Table(
    session.out,
    HEADER.map((title) => ({ align: 'left', minWidth: title.length }) as const),
  );
  await table.row(HEADER);
  let told = -1;
  try {
    for (;;) {
      if (status.iteration > told) {
        told = status.iteration;
        await table.row(rowOf(status, clock.now()));
        await table.print();
        await session.out.flush();
      }
      if (!status.running) break;
      await sleep(clock, LOOK_INTERVAL_MS, session.signal);
      status = await fs.balancer('status');
    }
  } finally {
    if (session.signal.aborted) await fs.balancer('stop');
  }
  const seconds = ((clock.monotonicMs() - startMs) / 1000).toFixed(1);
  await session.out.line(
    `${status.blocksMoved} blocks (${humanSize(status.bytesMoved, 'B', 2)}) were moved. Balancing took ${seconds} seconds`,
  );
  const result = RESULTS[status.result] ?? status.result;
  if (status.result === 'balanced') {
    await session.out.line(result);
    return;
  }
  session.exitCode = 1;
  await session.warn(`${session.verb}: ${result}`);
}

function rowOf({ iteration, bytesMoved, bytesLeft, bytesBeingMoved }: BalancerStatus, nowMs: number): string[] {
  const size = (bytes: number): string => humanSize(bytes, 'B', 2);
  return [utcSecond(nowMs), String(iteration), size(bytesMoved), size(bytesLeft), size(bytesBeingMoved)];
}
