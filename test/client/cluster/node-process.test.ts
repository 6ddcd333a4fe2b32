import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { logTail } from '../../../client/cluster/log-tail.js';
import type { ClusterNode } from '../../../client/cluster/node-command.js';
import { NodeProcess } from '../../../client/cluster/node-process.js';
import { systemClock } from '../../../common/clock.js';
import { temporaryDirectory } from '../cli/temporary-directory.js';

/** A process that runs a script instead of a server. */
async function scripted(t: ExecutionContext, script: string): Promise<{ process: NodeProcess; directory: string }> {
  const directory = await temporaryDirectory(t);
  const identity = `identity=${directory}`;
  const node: ClusterNode = {
    kind: 'datanode',
    name: 'datanode-1',
    title: 'DataNode 1',
    dataDirectory: join(directory, 'datanode-1'),
    identity,
    command: ['-e', script, '--', identity],
    ports: [],
  };
  const process = new NodeProcess(directory, node, systemClock);
  t.teardown(() => process.stop(0));
  return { process, directory };
}

const FOR_EVER = 'setInterval(() => {}, 1000);';

test('a process that was started is found by its pid file, and is gone after an ordered stop', async (t) => {
  const { process } = await scripted(t, FOR_EVER);
  t.is(await process.livePid(), undefined);
  const { pid, ended } = await process.start();
  t.is(await process.livePid(), pid);
  t.is(await process.stop(10_000), 'stopped');
  t.deepEqual(await ended, { code: null, signal: 'SIGTERM' });
  t.is(await process.lastPid(), undefined);
  t.is(await process.stop(10_000), 'absent');
});

test('a process that does not stop in order is killed', async (t) => {
  const { process } = await scripted(t, `process.on('SIGTERM', () => {}); console.log('deaf'); ${FOR_EVER}`);
  const { ended } = await process.start();
  while (!(await logTail(process.logFile)).includes('deaf')) await new Promise(setImmediate);
  t.is(await process.stop(100), 'killed');
  t.deepEqual(await ended, { code: null, signal: 'SIGKILL' });
});

test('a process that ended by itself is not alive, and its last pid is known', async (t) => {
  const { process } = await scripted(t, 'process.exitCode = 3;');
  const { pid, ended } = await process.start();
  t.deepEqual(await ended, { code: 3, signal: null });
  t.is(await process.livePid(), undefined);
  t.is(await process.lastPid(), pid);
});

test('a number that belongs to another process by now is left alone', async (t) => {
  const { process: node, directory } = await scripted(t, FOR_EVER);
  mkdirSync(join(directory, 'run'));
  writeFileSync(join(directory, 'run', 'datanode-1.pid'), `${process.pid}\n`);
  t.is(await node.livePid(), undefined);
  t.is(await node.stop(1000), 'absent');
});

test('a damaged pid file is as good as none', async (t) => {
  const { process, directory } = await scripted(t, FOR_EVER);
  mkdirSync(join(directory, 'run'));
  for (const text of ['', 'x', '-1', '0', '1e9']) {
    writeFileSync(join(directory, 'run', 'datanode-1.pid'), text);
    t.is(await process.livePid(), undefined, text);
  }
});

test('what a process prints is in its log, and explains its end', async (t) => {
  const line = JSON.stringify({ level: 'fatal', msg: 'ending', err: { message: 'the disk is gone' } });
  const { process } = await scripted(t, `console.log(${JSON.stringify(line)}); console.error('datanode: no space');`);
  await (await process.start()).ended;
  t.is(
    await process.lastWords(),
    ` Its log ${process.logFile} ends with:\n  fatal: ending: the disk is gone\n  datanode: no space`,
  );
});

test('the end of a long log is enough', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'log');
  writeFileSync(path, Array.from({ length: 50_000 }, (_, i) => `line ${i}`).join('\n'));
  t.deepEqual(await logTail(path), ['line 49995', 'line 49996', 'line 49997', 'line 49998', 'line 49999']);
  t.deepEqual(await logTail(join(directory, 'none')), []);
});
