import type { ExecutionContext } from 'ava';
import { createDatabase, openDatabase } from '../../../namenode/storage/database.js';
import { replay } from '../../../namenode/storage/replay.js';
import { dump } from './namespace-world.js';
import { type NamesystemFixture, openNamesystemFixture } from './namesystem-fixture.js';

/** A namesystem for one test. At its end the test replays its log, which must give the same rows. */
export function openReplayedFixture(t: ExecutionContext): NamesystemFixture {
  const opened = openNamesystemFixture();
  t.teardown(async () => {
    const { fixture } = opened;
    const path = `${fixture.databasePath}.replayed`;
    createDatabase(path, { clusterId: 'CID-test', owner: 'root', group: 'supergroup', timeMs: 1_000 });
    const { writing, close } = openDatabase(path);
    await replay(writing, fixture.log);
    const [live, replayed] = [dump(fixture.journal.committed), dump(writing)];
    close();
    await opened.close();
    if (live !== replayed) throw new Error(`replay gives\n${replayed}\ninstead of\n${live}`);
  });
  return opened;
}
