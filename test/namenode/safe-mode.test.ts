import test, { type ExecutionContext } from 'ava';
import { SafeMode, type SafeModeSettings } from '../../namenode/safe-mode.js';
import { BlockState, ReplicaRowState } from '../../namenode/storage/schema.js';
import { BlockFixture, SILENT, STAMP } from './support/block-fixture.js';

const SETTINGS: SafeModeSettings = { threshold: 0.999, minDatanodes: 0, extensionMs: 30_000, minReplication: 1 };

async function withFixture(t: ExecutionContext, run: (fixture: BlockFixture) => Promise<void>): Promise<void> {
  const fixture = new BlockFixture();
  t.teardown(() => fixture.close());
  await run(fixture);
}

function safeModeOf(fixture: BlockFixture, settings: Partial<SafeModeSettings> = {}): SafeMode {
  const { committed, datanodes } = fixture;
  return new SafeMode({ committed, datanodes, settings: { ...SETTINGS, ...settings }, logger: SILENT });
}

/** Ticks until there is nothing left to count. */
function count(safeMode: SafeMode, nowMs: number): void {
  while (safeMode.tick(nowMs));
}

test('an empty namespace: over with the first look, unless DataNodes are waited for', async (t) => {
  await withFixture(t, async (fixture) => {
    const safeMode = safeModeOf(fixture);
    t.true(safeMode.isOn);
    count(safeMode, 0);
    t.false(safeMode.isOn);
    const patient = safeModeOf(fixture, { minDatanodes: 1 });
    count(patient, 0);
    t.regex(
      patient.status().message,
      /The number of live datanodes 0 needs an additional 1 live datanodes to reach the minimum number 1\./,
    );
    await fixture.node(0);
    count(patient, 1_000);
    t.false(patient.isOn);
  });
});

test('blocks count with a replica on a storage that counts, be it damaged', async (t) => {
  await withFixture(t, async (fixture) => {
    await fixture.node(0);
    await fixture.node(1);
    for (let id = 1; id <= 5; id++) await fixture.block(id);
    await fixture.block(6, { state: BlockState.UNDER_CONSTRUCTION }); // is not waited for
    await fixture.replica(0, 1);
    await fixture.replica(1, 1); // the same block twice counts once
    await fixture.replica(1, 2, ReplicaRowState.EXCESS);
    await fixture.replica(0, 3, ReplicaRowState.CORRUPT);
    await fixture.replica(0, 4, ReplicaRowState.LIVE, { generationStamp: STAMP - 1 });
    await fixture.replica(0, 6);
    const safeMode = safeModeOf(fixture);
    count(safeMode, 0);
    t.regex(
      safeMode.status().message,
      /^The reported blocks 3 needs additional 2 blocks to reach the threshold 0\.9990 of total blocks 5\./,
    );
  });
});

test('the order in which storages come does not matter', async (t) => {
  await withFixture(t, async (fixture) => {
    for (const index of [0, 1, 2]) await fixture.node(index);
    for (let id = 1; id <= 30; id++) {
      await fixture.block(id);
      for (const index of [0, 1, 2]) if (id % 3 !== index) await fixture.replica(index, id);
    }
    const reports = [0, 1, 2].map((index) => fixture.report(`ds-${index}`));
    for (const order of [
      [0, 1, 2],
      [2, 0, 1],
      [1, 2, 0],
    ]) {
      fixture.reopen();
      const safeMode = safeModeOf(fixture, { minDatanodes: 4 }); // so that it does not end
      for (const index of order) {
        await fixture.node(index, { storages: [reports[index] as never] });
        count(safeMode, 0);
      }
      t.regex(safeMode.status().message, /The reported blocks 30 has reached/);
    }
  });
});

test('with a minimum of two a block counts from its second replica on', async (t) => {
  await withFixture(t, async (fixture) => {
    for (const index of [0, 1, 2]) await fixture.node(index);
    for (const id of [1, 2]) await fixture.block(id);
    await fixture.replica(0, 1);
    for (const index of [0, 1, 2]) await fixture.replica(index, 2);
    const safeMode = safeModeOf(fixture, { minReplication: 2 });
    count(safeMode, 0);
    t.regex(safeMode.status().message, /The reported blocks 1 needs additional 1 blocks/);
  });
});

test('the threshold is a share: one of 1,000 blocks may be missing', async (t) => {
  await withFixture(t, async (fixture) => {
    await fixture.node(0);
    for (let id = 1; id <= 1_000; id++) {
      await fixture.block(id);
      if (id > 1) await fixture.replica(0, id);
    }
    const safeMode = safeModeOf(fixture);
    count(safeMode, 0);
    t.false(safeMode.isOn);
  });
});

test('when a DataNode is late the extension runs its time, and starts anew when the threshold is lost', async (t) => {
  await withFixture(t, async (fixture) => {
    await fixture.node(0);
    await fixture.node(1);
    await fixture.block(1);
    await fixture.replica(0, 1);
    fixture.reopen();
    const safeMode = safeModeOf(fixture);
    await fixture.node(0);
    count(safeMode, 0);
    t.regex(safeMode.status().message, /turned off automatically in 30 seconds/);
    const storage = fixture.storage(0);
    storage.trust = 'unknown'; // its DataNode registers again, with another digest
    count(safeMode, 20_000);
    t.regex(safeMode.status().message, /needs additional 1 blocks/);
    storage.trust = 'reported';
    count(safeMode, 21_000);
    count(safeMode, 50_000);
    t.true(safeMode.isOn);
    count(safeMode, 51_000);
    t.false(safeMode.isOn);
  });
});

test('rows that come after the count are found by counting again', async (t) => {
  await withFixture(t, async (fixture) => {
    await fixture.node(0);
    await fixture.block(1);
    const safeMode = safeModeOf(fixture);
    count(safeMode, 0);
    await fixture.replica(0, 1);
    count(safeMode, 5_000);
    t.true(safeMode.isOn);
    count(safeMode, 10_000);
    count(safeMode, 11_000);
    t.false(safeMode.isOn);
  });
});

test('turned on and off by an administrator', async (t) => {
  await withFixture(t, async (fixture) => {
    const safeMode = safeModeOf(fixture);
    safeMode.leave();
    t.false(safeMode.isOn, 'at the start too');
    t.true(safeMode.startIsOver);
    safeMode.enter();
    t.regex(safeMode.status().message, /turned on manually/);
    count(safeMode, 1_000_000);
    t.true(safeMode.isOn, 'and not off by itself');
    t.throws(() => safeMode.requireOff('delete /x'), {
      name: 'SafeMode',
      message: /^Cannot delete \/x\. Name node is in safe mode\. It was turned on manually\./,
    });
    safeMode.leave();
    t.notThrows(() => safeMode.requireOff('delete /x'));
    t.is(safeMode.status().message, '');
  });
});

test('the refusal says whether safe mode is that of a start, which ends by itself', async (t) => {
  await withFixture(t, async (fixture) => {
    const safeMode = safeModeOf(fixture);
    const refused = (name: string): void => void t.throws(() => safeMode.requireOff('delete /x'), { name });
    refused('StartupSafeMode');
    safeMode.enter();
    refused('SafeMode');
    safeMode.leave();
    safeMode.setLowResources('The disk is nearly full.');
    refused('SafeMode');
  });
});

test('a nearly full disk: on until there is room, and only force turns it off before', async (t) => {
  await withFixture(t, async (fixture) => {
    const safeMode = safeModeOf(fixture);
    safeMode.leave();
    safeMode.setLowResources('The disk is nearly full.');
    t.regex(safeMode.status().message, /^The disk is nearly full\./);
    t.throws(() => safeMode.leave(), { name: 'SafeMode', message: /The disk is nearly full\..*forceExit/ });
    t.true(safeMode.isOn);
    safeMode.leave(true);
    t.false(safeMode.isOn);
    safeMode.setLowResources('The disk is nearly full.');
    safeMode.setLowResources('');
    t.false(safeMode.isOn);
  });
});

test('counting goes on in small steps', async (t) => {
  await withFixture(t, async (fixture) => {
    await fixture.node(0);
    await fixture.journal.mutate(({ db }) => {
      const insert = db.prepare(
        'INSERT INTO blocks (id, inode, idx, generation_stamp, length, state, replication) VALUES (?, ?, 0, 1, 1, 4, 3)',
      );
      for (let id = 1; id <= 5_000; id++) insert.run(id, id);
    });
    const safeMode = safeModeOf(fixture);
    let steps = 0;
    while (safeMode.tick(0)) steps++;
    t.true(steps >= 5, `${steps}`);
    t.regex(safeMode.status().message, /of total blocks 5000/);
  });
});
