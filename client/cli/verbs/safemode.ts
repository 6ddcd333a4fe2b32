import { sleep } from '../../../common/clock.js';
import type { SafeModeAction, SafeModeState } from '../../types.js';
import { UsageError } from '../errors.js';
import type { Session } from '../session.js';
import { defineVerb, jsonOption } from '../verb.js';

const ACTIONS: Readonly<Record<string, SafeModeAction>> = {
  get: 'get',
  enter: 'enter',
  leave: 'leave',
  forceExit: 'forceExit',
};
const LOOK_INTERVAL_MS = 500;

export const verb = defineVerb<{ readonly json?: true }>({
  define(command) {
    command
      .description(
        'Safe mode: the cluster can be read, but not changed, and repairs nothing.\n\n' +
          '  get        say whether it is on, and what it waits for\n' +
          '  enter      turn it on\n' +
          '  leave      turn it off\n' +
          '  forceExit  turn it off even though blocks are missing\n' +
          '  wait       wait until it is off',
      )
      .argument('<action>')
      .addOption(jsonOption());
  },
  async run(session, args, options) {
    const word = args[0] ?? '';
    if (args.length > 1) throw new UsageError('only one action is allowed.');
    const action = Object.hasOwn(ACTIONS, word) ? ACTIONS[word] : undefined;
    if (action === undefined && word !== 'wait')
      throw new UsageError(`'${word}' must be get, enter, leave, forceExit or wait.`);
    const state = action === undefined ? await waitForEnd(session) : await (await session.fs()).safeMode(action);
    if (options.json) {
      await session.out.line(JSON.stringify({ on: state.on, message: state.message }));
      return;
    }
    await session.out.line(`Safe mode is ${state.on ? 'ON' : 'OFF'}`);
    if (state.on && state.message !== '') await session.out.line(state.message);
  },
});

async function waitForEnd(session: Session): Promise<SafeModeState> {
  const fs = await session.fs();
  for (;;) {
    const state = await fs.safeMode('get');
    if (!state.on) return state;
    await sleep(session.environment.clock, LOOK_INTERVAL_MS, session.signal);
  }
}
