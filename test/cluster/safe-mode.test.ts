/** Safe mode that nobody knows the end of refuses at once, also those who were writing before. */
import test from 'ava';
import { loadConfiguration } from '../../common/config/configuration.js';
import { startCluster } from './harness.js';
import { mount, testWithDrivers } from './support/mounted.js';

/** Whoever waited for the end of safe mode would wait longer than any test. */
const FOREVER = { 'dfs.client.retry.max.total': '10h' };

test('a client that has changed something is refused as soon as an administrator turns safe mode on', async (t) => {
  const cluster = await startCluster(t);
  const fs = await cluster.sdk({ configuration: loadConfiguration({ overrides: FOREVER }) });
  await fs.mkdir('/before');
  const writer = await fs.create('/open');
  await writer.write(Buffer.from('some'));
  await writer.hflush();
  t.is((await cluster.dfs(['safemode', 'enter'])).code, 0);
  const message = /Name node is in safe mode\. It was turned on manually/;
  await t.throwsAsync(fs.mkdir('/during'), { name: 'SafeMode', message });
  await t.throwsAsync(writer.close(), { name: 'SafeMode', message });
  t.is((await cluster.dfs(['safemode', 'leave'])).code, 0);
  await fs.mkdir('/after');
});

testWithDrivers(test)(
  'programs in a mount get EROFS as soon as an administrator turns safe mode on',
  async (t, driver) => {
    const cluster = await startCluster(t);
    const args = Object.entries(FOREVER).flatMap(([name, value]) => ['-D', `${name}=${value}`]);
    const mounted = await mount(t, cluster, driver, { args });
    await mounted.sh(t, 'echo before > file');
    t.is((await cluster.dfs(['safemode', 'enter'])).code, 0);
    for (const change of [
      'echo during > other',
      'echo during >> file',
      'mkdir directory',
      'rm file',
      'chmod 600 file',
    ]) {
      const { code, stderr } = await mounted.tryScript(change);
      t.not(code, 0, change);
      t.regex(stderr, /Read-only file system/, change);
    }
    t.is(await mounted.sh(t, 'cat file'), 'before\n', 'it can be read');
    t.is((await cluster.dfs(['safemode', 'leave'])).code, 0);
    t.is(await mounted.sh(t, 'echo after >> file; cat file'), 'before\nafter\n');
  },
);
