import test from 'ava';
import { DfsError } from '../../common/errors.js';
import { ResourceChecker } from '../../namenode/resource-checker.js';
import { FakeDisk, osError } from './support/fake-disk.js';

function setUp() {
  const disk = new FakeDisk();
  const results: string[] = [];
  const onResult = (reason: string) => void results.push(reason);
  const checker = new ResourceChecker({ disk, directory: '/name', reservedBytes: 100 * 2 ** 20, onResult });
  return { disk, results, checker };
}

test('too little free space is told in words, and that it is over as well', async (t) => {
  const { disk, results, checker } = setUp();
  disk.availableBytes = 5 * 2 ** 20;
  await checker.check();
  t.regex(
    results[0] ?? '',
    /nearly full: 5 M are free at \/name, 100 M are reserved \(dfs\.namenode\.resource\.du\.reserved\)/i,
  );
  disk.availableBytes = 100 * 2 ** 20;
  await checker.check();
  t.is(results[1], '');
});

test('a log that cannot be written counts at once', (t) => {
  const { results, checker } = setUp();
  checker.failed(new DfsError('NoSpace', 'the disk is full'));
  t.deepEqual(results, ['Changes cannot be written down: the disk is full.']);
});

test('a disk that does not answer is taken for full', async (t) => {
  const { disk, results, checker } = setUp();
  disk.space = () => Promise.reject(osError('EIO', '/name'));
  await checker.check();
  t.regex(results[0] ?? '', /cannot be read: EIO/);
});
