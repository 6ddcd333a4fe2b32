/** Finds out which of the faults of a failing run are needed to make it fail. */
import type { NemesisKind, SimulationOptions } from './options.js';
import { NO_CALL_FAULTS } from './rpc.js';
import { simulate } from './simulation.js';

/** Faults that a run may leave out, to find out whether it needs them. */
export interface Omissions {
  readonly kinds: readonly NemesisKind[];
  readonly callFaults: boolean;
}

export const NOTHING: Omissions = { kinds: [], callFaults: false };

export function omit(options: SimulationOptions, { kinds, callFaults }: Omissions): SimulationOptions {
  const nemesis = new Map([...options.nemesis].filter(([kind]) => !kinds.includes(kind)));
  return { ...options, nemesis, callFaults: callFaults ? NO_CALL_FAULTS : options.callFaults };
}

/** Leaves out one kind after the other as long as the run still shows a violation, which need not be the same one. */
export async function shrink(options: SimulationOptions): Promise<Omissions> {
  let omissions = NOTHING;
  const candidates: Omissions[] = [
    { ...NOTHING, callFaults: true },
    ...[...options.nemesis.keys()].map((kind) => ({ ...NOTHING, kinds: [kind] })),
  ];
  for (const { kinds, callFaults } of candidates) {
    const more = { kinds: [...omissions.kinds, ...kinds], callFaults: omissions.callFaults || callFaults };
    const { violations } = await simulate(omit(options, more));
    if (violations.length > 0) omissions = more;
  }
  return omissions;
}
