import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { ExecutionContext } from 'ava';
import test from 'ava';

interface RunningFixture {
  readonly child: ChildProcess;
  readonly output: { out: string; err: string };
  readonly ended: Promise<unknown[]>;
}

function runFixture(t: ExecutionContext, behaviour: string): RunningFixture {
  const child = fork(new URL('../fixtures/run-server.ts', import.meta.url), [behaviour], {
    execArgv: ['--import=tsx'],
    silent: true,
  });
  t.teardown(() => child.kill('SIGKILL'));
  const output = { out: '', err: '' };
  child.stdout?.on('data', (text) => {
    output.out += text;
  });
  child.stderr?.on('data', (text) => {
    output.err += text;
  });
  return { child, output, ended: once(child, 'close') };
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} stops a server in order`, async (t) => {
    const { child, output, ended } = runFixture(t, 'normal');
    await once(child, 'message');
    child.kill(signal);
    t.deepEqual(await ended, [0, null]);
    t.regex(output.out, /"msg":"stopping"[\s\S]*stopped in order[\s\S]*"msg":"stopped"/);
  });
}

test('the same signal over two ways, as under npm, is one', async (t) => {
  const { child, output, ended } = runFixture(t, 'normal');
  await once(child, 'message');
  child.kill('SIGINT');
  child.kill('SIGTERM');
  t.deepEqual(await ended, [0, null]);
  t.regex(output.out, /stopped in order/);
});

test('a server that does not stop is ended by asking again', async (t) => {
  const { child, ended } = runFixture(t, 'never-stops');
  await once(child, 'message');
  const asking = setInterval(() => child.kill('SIGTERM'), 50);
  t.deepEqual(await ended, [130, null]);
  clearInterval(asking);
});

test('a server can be stopped while it starts', async (t) => {
  const { child, output, ended } = runFixture(t, 'slow-start');
  await once(child, 'message');
  child.kill('SIGTERM');
  t.deepEqual(await ended, [0, null]);
  t.is(output.err, '');
});

test('a bad setting is told in one sentence', async (t) => {
  const { output, ended } = runFixture(t, 'bad-setting');
  t.deepEqual(await ended, [1, null]);
  t.is(output.err, 'testserver: dfs.blocksize is wrong.\n');
  t.is(output.out, '');
});

test('an unforeseen error at the start is logged with its stack', async (t) => {
  const { output, ended } = runFixture(t, 'bug-at-start');
  t.deepEqual(await ended, [1, null]);
  t.is(output.err, 'testserver: undefined is not a function\n');
  t.regex(output.out, /"level":"fatal".*run-server/);
});

test('an error that nobody handles is logged and ends the process', async (t) => {
  const { output, ended } = runFixture(t, 'bug-later');
  t.deepEqual(await ended, [1, null]);
  t.regex(output.out, /"level":"fatal".*nobody waits for me/);
});
