import test from 'ava';
import fc from 'fast-check';
import type { Disk, DiskFile } from '../../common/disk.js';
import { osErrorCode } from '../../common/errors.js';
import { seededRandom } from '../../common/random.js';
import { healthyDisk, SimulatedDisk } from './disk.js';
import { SECTOR_BYTES } from './file-image.js';
import { Life } from './life.js';
import { newWorld, type World } from './world.js';

interface Machine {
  readonly world: World;
  readonly disk: SimulatedDisk;
}

function newMachine(seed: number, capacityBytes = 2 ** 30): Machine {
  const world = newWorld({ seed });
  const disk = new SimulatedDisk({ ...world, random: world.fork(), condition: healthyDisk(capacityBytes) });
  return { world, disk };
}

/** Runs `work` with the disk as a process sees it, until it has ended. */
async function use<T>({ world, disk }: Machine, work: (disk: Disk) => Promise<T>): Promise<T> {
  let result: { value: T } | { error: unknown } | undefined;
  work(disk.attach(new Life('p'))).then(
    (value) => {
      result = { value };
    },
    (error: unknown) => {
      result = { error };
    },
  );
  await world.scheduler.run(Number.POSITIVE_INFINITY, () => result !== undefined);
  if (result === undefined) throw new Error('it never ended');
  if ('error' in result) throw result.error;
  return result.value;
}

async function writeFile(disk: Disk, path: string, bytes: Buffer, sync: boolean): Promise<void> {
  const file = await disk.open(path, 'create');
  try {
    await file.write([bytes], 0);
    if (sync) await file.sync();
  } finally {
    await file.close();
  }
}

function contents(disk: SimulatedDisk): Record<string, Buffer> {
  return Object.fromEntries([...disk.files()].map(({ path, bytes }) => [path, Buffer.from(bytes)]));
}

// ---- What a crash leaves -------------------------------------------------------------------------------------------------

type Step =
  | {
      readonly kind: 'write';
      readonly file: number;
      readonly position: number;
      readonly length: number;
      readonly fill: number;
    }
  | { readonly kind: 'truncate'; readonly file: number; readonly length: number }
  | { readonly kind: 'sync'; readonly file: number };

const steps = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('write' as const),
      file: fc.nat(2),
      position: fc.nat(3_000),
      length: fc.integer({ min: 1, max: 2_000 }),
      fill: fc.integer({ min: 1, max: 255 }),
    }),
    fc.record({ kind: fc.constant('truncate' as const), file: fc.nat(2), length: fc.nat(4_000) }),
    fc.record({ kind: fc.constant('sync' as const), file: fc.nat(2) }),
  ),
  { maxLength: 30 },
);

async function play(machine: Machine, script: readonly Step[]): Promise<{ now: Buffer[]; synced: Buffer[] }> {
  const now: Buffer[] = [0, 1, 2].map(() => Buffer.alloc(0));
  const synced = [...now];
  await use(machine, async (disk) => {
    await disk.makeDirectory('/d');
    const files: DiskFile[] = [];
    for (const file of [0, 1, 2]) files.push(await disk.open(`/d/${file}`, 'create'));
    await disk.syncDirectory('/');
    await disk.syncDirectory('/d');
    for (const step of script) {
      const file = files[step.file];
      const before = now[step.file] as Buffer;
      if (file === undefined) continue;
      if (step.kind === 'write') {
        await file.write([Buffer.alloc(step.length, step.fill)], step.position);
        const after = Buffer.alloc(Math.max(before.length, step.position + step.length));
        before.copy(after);
        after.fill(step.fill, step.position, step.position + step.length);
        now[step.file] = after;
      } else if (step.kind === 'truncate') {
        await file.truncate(step.length);
        const after = Buffer.alloc(step.length);
        before.copy(after);
        now[step.file] = after;
      } else {
        await file.sync();
        synced[step.file] = before;
      }
    }
  });
  return { now, synced };
}

test('files read back as they were written', async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, async (script) => {
      const machine = newMachine(1);
      const { now } = await play(machine, script);
      t.true(Object.values(contents(machine.disk)).every((bytes, file) => bytes.equals(now[file] as Buffer)));
    }),
    { numRuns: 50 },
  );
});

test('what was synced and not changed since outlives a power cut; every other sector is old, or new, or never was there', async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, fc.nat(), async (script, seed) => {
      const machine = newMachine(seed);
      const { now, synced } = await play(machine, script);
      machine.disk.crash('power cut');
      const after = contents(machine.disk);
      for (const [file, old] of synced.entries()) {
        const [survivor, recent] = [after[`/d/${file}`], now[file]];
        t.truthy(survivor);
        if (survivor === undefined || recent === undefined) continue;
        if (old.equals(recent)) t.true(survivor.equals(old));
        t.true(survivor.length >= Math.min(old.length, recent.length));
        t.true(survivor.length <= Math.max(old.length, recent.length));
        // Fill values never repeat by chance: a byte that is neither old nor new must come from in between, or be zero.
        for (let at = 0; at < survivor.length; at += SECTOR_BYTES) {
          const sector = (bytes: Buffer): Buffer => {
            const whole = Buffer.alloc(SECTOR_BYTES);
            whole.set(bytes.subarray(at, Math.min(at + SECTOR_BYTES, survivor.length)));
            return whole;
          };
          const found = sector(survivor);
          const candidates = [sector(old), sector(recent)];
          const kept = Math.max(0, Math.min(SECTOR_BYTES, recent.length - at));
          const mixed = Buffer.concat([sector(recent).subarray(0, kept), sector(old).subarray(kept)]);
          t.true([...candidates, mixed].some((candidate) => candidate.equals(found)));
        }
      }
    }),
    { numRuns: 200 },
  );
});

test('a process that is killed takes nothing with it', async (t) => {
  const machine = newMachine(3);
  await use(machine, (disk) => writeFile(disk, '/f', Buffer.from('bytes'), false));
  machine.disk.crash('kill');
  t.deepEqual(contents(machine.disk), { '/f': Buffer.from('bytes') });
});

test('un-synced writes are lost in some power cuts, torn in others', async (t) => {
  const outcomes = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const machine = newMachine(seed);
    await use(machine, async (disk) => {
      await writeFile(disk, '/f', Buffer.alloc(4 * SECTOR_BYTES, 1), true);
      await disk.syncDirectory('/');
      const file = await disk.open('/f', 'write');
      await file.write([Buffer.alloc(4 * SECTOR_BYTES, 2)], 0);
    });
    machine.disk.crash('power cut');
    const bytes = contents(machine.disk)['/f'] ?? Buffer.alloc(0);
    outcomes.add(bytes.equals(Buffer.alloc(bytes.length, 1)) ? 'old' : bytes.includes(1) ? 'torn' : 'new');
  }
  t.deepEqual([...outcomes].sort(), ['new', 'old', 'torn']);
});

test('a write that is under way when the process ends is cut off somewhere', async (t) => {
  const lengths = new Set<number>();
  for (let seed = 0; seed < 40; seed++) {
    const { world, disk } = newMachine(seed);
    const life = new Life('p');
    const attached = disk.attach(life);
    void attached.open('/f', 'create').then(async (file) => {
      world.scheduler.after(0.01, 'crash', () => {
        life.end();
        disk.crash('kill');
      });
      await file.write([Buffer.alloc(1_000, 1), Buffer.alloc(1_000, 2)], 0);
      t.fail('a dead process was told that its write is done');
    });
    await world.scheduler.run(Number.POSITIVE_INFINITY, () => false);
    lengths.add(contents(disk)['/f']?.length ?? -1);
  }
  t.true(lengths.has(0));
  t.true([...lengths].some((length) => length > 0 && length < 2_000));
});

test('an operation of a dead process has no effect and no end', async (t) => {
  const { world, disk } = newMachine(1);
  const life = new Life('p');
  const attached = disk.attach(life);
  life.end();
  void attached.open('/f', 'create').then(() => t.fail());
  await world.scheduler.run(Number.POSITIVE_INFINITY, () => false);
  t.deepEqual(contents(disk), {});
});

// ---- Names ---------------------------------------------------------------------------------------------------------------

/** Whether each of `paths` is there after a power cut, over many seeds: 'always', 'never', or 'sometimes'. */
async function survival(work: (disk: Disk) => Promise<void>, paths: readonly string[]): Promise<string[]> {
  const seen = paths.map(() => new Set<boolean>());
  for (let seed = 0; seed < 50; seed++) {
    const machine = newMachine(seed);
    await use(machine, work);
    machine.disk.crash('power cut');
    const found = contents(machine.disk);
    for (const [index, path] of paths.entries()) seen[index]?.add(path in found);
  }
  return seen.map((outcomes) => (outcomes.size === 2 ? 'sometimes' : outcomes.has(true) ? 'always' : 'never'));
}

test('a new name is certain only once its directory is synced', async (t) => {
  const create = async (disk: Disk): Promise<void> => await writeFile(disk, '/f', Buffer.from('x'), true);
  t.deepEqual(await survival(create, ['/f']), ['sometimes']);
  const createAndSync = async (disk: Disk): Promise<void> => {
    await create(disk);
    await disk.syncDirectory('/');
  };
  t.deepEqual(await survival(createAndSync, ['/f']), ['always']);
});

test('a file in a directory whose own name was not synced may be lost with it', async (t) => {
  const work = async (disk: Disk): Promise<void> => {
    await disk.makeDirectory('/a/b');
    await writeFile(disk, '/a/b/f', Buffer.from('x'), true);
    await disk.syncDirectory('/a/b');
  };
  t.deepEqual(await survival(work, ['/a/b/f']), ['sometimes']);
});

test('a removal is certain only once the directory is synced', async (t) => {
  const remove = async (disk: Disk): Promise<void> => {
    await writeFile(disk, '/f', Buffer.from('x'), true);
    await disk.syncDirectory('/');
    await disk.remove('/f');
  };
  t.deepEqual(await survival(remove, ['/f']), ['sometimes']);
  t.deepEqual(
    await survival(
      async (disk) => {
        await remove(disk);
        await disk.syncDirectory('/');
      },
      ['/f'],
    ),
    ['never'],
  );
});

test('a rename between directories needs both of them synced, and is done or not done as a whole', async (t) => {
  const prepare = async (disk: Disk): Promise<void> => {
    await disk.makeDirectory('/a');
    await disk.makeDirectory('/b');
    await writeFile(disk, '/a/f', Buffer.from('x'), true);
    await disk.syncDirectory('/');
    await disk.syncDirectory('/a');
    await disk.rename('/a/f', '/b/f');
    await disk.syncDirectory('/b');
  };
  t.deepEqual(await survival(prepare, ['/a/f', '/b/f']), ['sometimes', 'sometimes']);
  for (let seed = 0; seed < 50; seed++) {
    const machine = newMachine(seed);
    await use(machine, prepare);
    machine.disk.crash('power cut');
    t.is(Object.keys(contents(machine.disk)).length, 1);
  }
  const bothSynced = async (disk: Disk): Promise<void> => {
    await prepare(disk);
    await disk.syncDirectory('/a');
  };
  t.deepEqual(await survival(bothSynced, ['/a/f', '/b/f']), ['never', 'always']);
});

test('a file that replaces another is there, whole, whatever a power cut makes of the rename', async (t) => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 50; seed++) {
    const machine = newMachine(seed);
    await use(machine, async (disk) => {
      await writeFile(disk, '/f', Buffer.from('old'), true);
      await disk.syncDirectory('/');
      await writeFile(disk, '/f.tmp', Buffer.from('new'), true);
      await disk.rename('/f.tmp', '/f');
    });
    machine.disk.crash('power cut');
    seen.add(contents(machine.disk)['/f']?.toString() ?? 'nothing');
  }
  t.deepEqual([...seen].sort(), ['new', 'old']);
});

// ---- Errors --------------------------------------------------------------------------------------------------------------

test('errors carry the codes of the operating system', async (t) => {
  const machine = newMachine(1);
  const codeOf = async (work: (disk: Disk) => Promise<unknown>): Promise<string | undefined> =>
    osErrorCode(await t.throwsAsync(use(machine, work)));
  await use(machine, async (disk) => {
    await writeFile(disk, '/f', Buffer.from('x'), true);
    await disk.makeDirectory('/d');
  });
  t.is(await codeOf((disk) => disk.open('/missing', 'read')), 'ENOENT');
  t.is(await codeOf((disk) => disk.open('/f', 'create')), 'EEXIST');
  t.is(await codeOf((disk) => disk.open('/d', 'write')), 'EISDIR');
  t.is(await codeOf((disk) => disk.open('/f/g', 'read')), 'ENOTDIR');
  t.is(await codeOf((disk) => disk.rename('/missing', '/g')), 'ENOENT');
  t.is(await codeOf((disk) => disk.rename('/f', '/d')), 'EISDIR');
  t.is(await codeOf((disk) => disk.list('/missing')), 'ENOENT');
  t.is(await codeOf((disk) => disk.makeDirectory('/f')), 'EEXIST');
  t.is(await codeOf(async (disk) => (await disk.open('/f', 'read')).write([Buffer.from('y')], 0)), 'EBADF');
  const closedTwice = async (disk: Disk): Promise<void> => {
    const file = await disk.open('/f', 'read');
    await file.close();
    await file.close();
  };
  t.is(await codeOf(closedTwice), 'EBADF');
  await use(machine, (disk) => disk.remove('/missing'));
});

test('a file that is open outlives its name, and gives its space back in the end', async (t) => {
  const machine = newMachine(1, 10_000);
  await use(machine, async (disk) => {
    const file = await disk.open('/f', 'create');
    await file.write([Buffer.alloc(6_000, 7)], 0);
    await disk.remove('/f');
    const target = Buffer.alloc(10);
    t.is(await file.read(target, 5_995), 5);
    t.deepEqual(await disk.space('/'), { capacityBytes: 10_000, availableBytes: 4_000 });
    await file.close();
    t.deepEqual(await disk.space('/'), { capacityBytes: 10_000, availableBytes: 10_000 });
  });
});

test('a full disk takes part of a write and says so', async (t) => {
  const machine = newMachine(2, 1_000);
  const error = await t.throwsAsync(use(machine, (disk) => writeFile(disk, '/f', Buffer.alloc(2_000, 1), true)));
  t.is(osErrorCode(error), 'ENOSPC');
  t.true((contents(machine.disk)['/f']?.length ?? 0) <= 1_000);
  t.is(machine.world.faults.get('disk: ENOSPC'), 1);
  await use(machine, (disk) => disk.remove('/f'));
  await use(machine, (disk) => writeFile(disk, '/g', Buffer.alloc(1_000, 1), true));
});

test('reads and writes fail at the rate that is set, and each failure is counted', async (t) => {
  const machine = newMachine(5);
  await use(machine, (disk) => writeFile(disk, '/f', Buffer.alloc(100), true));
  machine.disk.condition.readErrorRate = 0.5;
  let failed = 0;
  await use(machine, async (disk) => {
    const file = await disk.open('/f', 'read');
    for (let i = 0; i < 100; i++) {
      await file.read(Buffer.alloc(10), 0).catch((error: unknown) => {
        t.is(osErrorCode(error), 'EIO');
        failed++;
      });
    }
  });
  t.true(failed > 20 && failed < 80);
  t.is(machine.world.faults.get('disk: EIO on read'), failed);
});

test('after a sync that failed, one that succeeds does not make the old writes durable', async (t) => {
  const survivors = new Set<string>();
  for (let seed = 0; seed < 30; seed++) {
    const machine = newMachine(seed);
    await use(machine, async (disk) => {
      await writeFile(disk, '/f', Buffer.alloc(SECTOR_BYTES, 1), true);
      await disk.syncDirectory('/');
      const file = await disk.open('/f', 'write');
      await file.write([Buffer.alloc(SECTOR_BYTES, 2)], 0);
      machine.disk.condition.syncErrorRate = 1;
      await t.throwsAsync(file.sync());
      machine.disk.condition.syncErrorRate = 0;
      await file.sync();
      const seen = Buffer.alloc(1);
      await file.read(seen, 0);
      t.is(seen[0], 2);
    });
    machine.disk.crash('power cut');
    survivors.add(String(contents(machine.disk)['/f']?.[0]));
  }
  t.deepEqual([...survivors].sort(), ['1', '2']);
});

// ---- Damage --------------------------------------------------------------------------------------------------------------

test('a bit flip changes one bit, a lost or misdirected write one sector, and each is counted', async (t) => {
  const machine = newMachine(9);
  const original = seededRandom(4).bytes(5 * SECTOR_BYTES);
  await use(machine, async (disk) => {
    await writeFile(disk, '/f', original, true);
    await writeFile(disk, '/g', seededRandom(5).bytes(5 * SECTOR_BYTES), true);
  });
  t.true(machine.disk.damage('/f', 'bit flip'));
  let differing = 0;
  const flipped = contents(machine.disk)['/f'] as Buffer;
  for (const [at, byte] of original.entries()) {
    for (let bits = byte ^ (flipped[at] ?? 0); bits > 0; bits >>= 1) differing += bits & 1;
  }
  t.is(differing, 1);
  for (const kind of ['lost write', 'misdirected write'] as const) {
    const before = contents(machine.disk)['/f'] as Buffer;
    t.true(machine.disk.damage('/f', kind));
    const after = contents(machine.disk)['/f'] as Buffer;
    const sectors = new Set<number>();
    for (const [at, byte] of before.entries()) if (byte !== after[at]) sectors.add(Math.floor(at / SECTOR_BYTES));
    t.is(sectors.size, 1);
    t.is(machine.world.faults.get(`disk: ${kind}`), 1);
  }
  t.false(machine.disk.damage('/missing', 'bit flip'));
});

test('the same seed gives the same run', async (t) => {
  const run = async (): Promise<string> => {
    const machine = newMachine(11);
    await play(machine, [
      { kind: 'write', file: 0, position: 0, length: 5_000, fill: 3 },
      { kind: 'sync', file: 0 },
      { kind: 'write', file: 1, position: 0, length: 5_000, fill: 4 },
    ]);
    machine.disk.crash('power cut');
    return `${machine.world.trace.hash} ${JSON.stringify(contents(machine.disk))}`;
  };
  t.is(await run(), await run());
});
