import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { lockDirectory } from '../../common/lock-file.js';

function temporaryDirectory(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'lock-file-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return directory;
}

test('a locked directory is refused, naming it and the process that holds it, until it is released', async (t) => {
  const directory = temporaryDirectory(t);
  const lock = await lockDirectory(directory);
  await t.throwsAsync(lockDirectory(directory), {
    name: 'DirectoryLocked',
    message: `${directory} is in use by another process. Stop process ${process.pid}, or use another directory.`,
  });
  lock.release();
  lock.release();
  const again = await lockDirectory(directory);
  again.release();
});

test('a process that is killed leaves its directory free', async (t) => {
  const directory = temporaryDirectory(t);
  const holder = fork(new URL('../fixtures/hold-lock.ts', import.meta.url), [directory], {
    execArgv: ['--import=tsx'],
  });
  t.teardown(() => holder.kill('SIGKILL'));
  t.deepEqual(await once(holder, 'message'), ['locked', undefined]);
  await t.throwsAsync(lockDirectory(directory), {
    name: 'DirectoryLocked',
    message: new RegExp(`process ${holder.pid}`),
  });
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  const lock = await lockDirectory(directory);
  lock.release();
});

test('the lock file stays empty, so that nothing can damage it', async (t) => {
  const directory = temporaryDirectory(t);
  const lock = await lockDirectory(directory);
  lock.release();
  t.is(statSync(join(directory, 'in_use.lock')).size, 0);
});

test('what cannot be locked gets a clear error', async (t) => {
  const directory = temporaryDirectory(t);
  const missing = join(directory, 'missing');
  await t.throwsAsync(lockDirectory(missing), {
    name: 'InvalidConfiguration',
    message: /Cannot use the directory .*missing/,
  });
  const file = join(directory, 'file');
  writeFileSync(file, '');
  await t.throwsAsync(lockDirectory(file), { name: 'InvalidConfiguration', message: /it is not a directory/ });
});
