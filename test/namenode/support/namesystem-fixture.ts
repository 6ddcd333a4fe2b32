import { createLogger } from '../../../common/logging.js';
import { LeaseManager } from '../../../namenode/lease-manager.js';
import type { Call, Namesystem, NamesystemSettings } from '../../../namenode/namesystem.js';
import { RetryTime } from '../../../namenode/retry-time.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeBlocks } from './fake-blocks.js';
import { type JournalFixture, openJournalFixture } from './journal-fixture.js';

export const SETTINGS: NamesystemSettings = {
  blockSizeBytes: 1000,
  replication: 3,
  bytesPerChecksum: 512,
  writePacketBytes: 65_536,
  minReplication: 1,
  maxReplication: 512,
  minBlockSizeBytes: 10,
  maxBlocksPerFile: 100,
  maxComponentBytes: 255,
  maxDirectoryItems: 1000,
  listingLimit: 100,
  retryCacheExpiryMs: 600_000,
  accessTimePrecisionMs: 3_600_000,
};

export const ROOT: Call = { user: 'root', groups: [], superuser: true };

/** A call of an ordinary user. */
export function callOf(user: string, ...groups: string[]): Call {
  return { user, groups, superuser: false };
}

export interface NamesystemFixture {
  readonly ns: Namesystem;
  readonly blocks: FakeBlocks;
  readonly clock: FakeClock;
  readonly fixture: JournalFixture;
  close(): Promise<void>;
}

/** A namesystem over an empty namespace, with time that stands still and no DataNodes. */
export function openNamesystemFixture(settings: Partial<NamesystemSettings> = {}): NamesystemFixture {
  const clock = new FakeClock();
  const fixture = openJournalFixture({ clock });
  const blocks = new FakeBlocks();
  const ns: Namesystem = {
    journal: fixture.journal,
    blocks,
    clock,
    retryTime: new RetryTime(clock),
    logger: createLogger({ name: 'test', level: 'silent' }),
    leases: new LeaseManager({ softLimitMs: 60_000, hardLimitMs: 1_200_000 }),
    settings: { ...SETTINGS, ...settings },
    onDeleted: () => {},
  };
  return { ns, blocks, clock, fixture, close: () => fixture.close() };
}
