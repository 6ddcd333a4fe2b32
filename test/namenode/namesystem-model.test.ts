import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import { FakeClock } from '../support/fake-clock.js';
import { ModelFileSystem } from './support/model-file-system.js';
import { openRoot, operations, type Sides, treeOf, usagesOf } from './support/namespace-operations.js';
import { makeTemplate, NamespaceWorld } from './support/namespace-world.js';

const START_MS = new FakeClock().now();
const template = makeTemplate(START_MS);
test.after.always(() => template.remove());

/** One step of a run: an operation, or a restart from the last checkpoint, or a new checkpoint. */
const step = fc.oneof(
  { weight: 30, arbitrary: operations },
  { weight: 1, arbitrary: fc.constantFrom('restart' as const, 'checkpoint' as const) },
);

test('random operations, with restarts in between, do what the model does, errors included', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 150, size: 'max' }), async (steps) => {
      const world = new NamespaceWorld(template.path);
      try {
        const sides: Sides = { model: new ModelFileSystem(START_MS), world, handles: [], calls: 0, stepMs: 1 };
        let checkpoint = world.checkpoint();
        for (const next of [openRoot, ...steps]) {
          if (next === 'checkpoint') checkpoint = world.checkpoint();
          else if (next === 'restart') await world.restart(checkpoint);
          else {
            const { expected, actual } = await next.run(sides);
            assert.deepStrictEqual(actual, expected);
            const usages = usagesOf(world);
            if (usages !== undefined) assert.deepStrictEqual(sorted(usages), sorted(sides.model.usages()));
          }
        }
        assert.deepStrictEqual(sorted(treeOf(world)), sorted(sides.model.tree()));
      } finally {
        world.close();
      }
    }),
    { numRuns: 60 },
  );
  t.pass();
});

function sorted<Value>(map: Map<string, Value>): [string, Value][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}
