import test from 'ava';
import { type LiveNamenode, startLiveNamenode } from '../support/live-namenode.js';

const clientId = Buffer.alloc(16, 3);
let callId = 0;
const as = (user: string) => ({ user, clientId, callId: ++callId });
const root = () => as('hdfs-test');

let live: LiveNamenode;
test.before(async () => {
  live = await startLiveNamenode();
});
test.after.always(() => live.stop());

test.serial('the defaults of the cluster', async (t) => {
  const defaults = await live.client.GetServerDefaults({});
  t.is(defaults.clusterId, 'CID-live');
  t.is(defaults.blockSize, 128 * 2 ** 20);
  t.is(defaults.replication, 3);
  t.is(defaults.listingLimit, 1000);
  t.regex(defaults.version, /^\d+\.\d+\.\d+/);
});

test.serial('files and directories are made, seen, changed, moved and deleted', async (t) => {
  const { client } = live;
  await client.Mkdirs({ header: root(), path: '/d/ü e', createParent: true });
  const created = await client.Create({ header: root(), path: '/d/ü e/f', clientName: 'w' });
  t.is(created.status?.mode, 0o644);
  t.is(created.status?.owner, 'hdfs-test');
  t.true(created.status?.underConstruction);
  const writer = { path: '/d/ü e/f', fileId: created.status?.fileId ?? 0, clientName: 'w' };
  await client.RenewLease({ header: root(), clientName: 'w' });
  t.deepEqual(await client.Complete({ header: root(), ...writer }), { complete: true });

  await client.SetPermission({ header: root(), path: '/d/ü e/f', mode: 0o600 });
  await client.SetOwner({ header: root(), path: '/d/ü e/f', owner: 'alice' });
  await client.SetTimes({ header: root(), path: '/d/ü e/f', accessTimeMs: 0 });
  t.deepEqual(await client.SetReplication({ header: root(), path: '/d/ü e/f', replication: 2 }), { changed: true });
  const { status } = await client.GetFileInfo({ header: root(), path: '/d/ü e/f' });
  t.is(status?.name, 'f');
  t.is(status?.type, 'FILE');
  t.is(status?.owner, 'alice');
  t.is(status?.group, 'supergroup');
  t.is(status?.mode, 0o600);
  t.is(status?.accessTimeMs, 0);
  t.true((status?.modificationTimeMs ?? 0) > 0);
  t.is(status?.replication, 2);
  t.false(status?.underConstruction);

  await client.Rename({ header: root(), source: '/d/ü e', destination: '/moved' });
  const { entries, hasMore } = await client.GetListing({ header: root(), path: '/' });
  t.deepEqual(
    entries.map(({ name, type, children }) => [name, type, children]),
    [
      ['d', 'DIRECTORY', 0],
      ['moved', 'DIRECTORY', 1],
    ],
  );
  t.false(hasMore);
  t.is((await client.GetContentSummary({ header: root(), path: '/' })).fileCount, 1);
  t.deepEqual(await client.Delete({ header: root(), path: '/moved', recursive: true }), {
    deleted: true,
    directory: null,
  });
  t.deepEqual(await client.Delete({ header: root(), path: '/moved' }), { deleted: false, directory: null });
  t.is((await client.GetFileInfo({ header: root(), path: '/moved' })).status, null);
});

test.serial('quotas are set, seen, exceeded and cleared; what makes no sense is refused', async (t) => {
  const { client } = live;
  const path = '/quota';
  await client.Mkdirs({ header: root(), path });
  await client.SetQuota({ header: root(), path, names: 1, space: 0 });
  const { quota } = await client.GetContentSummary({ header: root(), path });
  t.like(quota, { names: 1, space: 0, namesUsed: 1, spaceUsed: 0 });
  await t.throwsAsync(client.Mkdirs({ header: root(), path: `${path}/sub` }), { name: 'NSQuotaExceeded' });
  await client.SetQuota({ header: root(), path, clearSpace: true });
  const { quota: after } = await client.GetContentSummary({ header: root(), path });
  t.is(after?.names, 1);
  t.is(after?.space, undefined);
  const refused = (request: Parameters<typeof client.SetQuota>[0]) =>
    t.throwsAsync(client.SetQuota({ header: root(), path, ...request }), { name: 'InvalidArgument' });
  await refused({ names: 0 });
  await refused({ names: 1, clearNames: true });
  await refused({ space: 1, clearSpace: true });
  await t.throwsAsync(client.SetQuota({ header: as('alice'), path, names: 5 }), { name: 'AccessControl' });
  await client.Delete({ header: root(), path, recursive: true });
});

test.serial('mode, owner and times change in one call, which answers with them', async (t) => {
  const { client } = live;
  await client.Mkdirs({ header: root(), path: '/attributes' });
  const path = '/attributes';
  const times = { modificationTimeMs: 5, modificationTimeNs: 7 };
  const { status } = await client.SetAttributes({ header: root(), path, mode: 0o1700, owner: 'alice', ...times });
  t.like(status, { mode: 0o1700, owner: 'alice', group: 'supergroup', ...times });
  t.deepEqual((await client.GetFileInfo({ header: root(), path })).status, status);
  const { status: same } = await client.SetAttributes({ header: root(), path });
  t.deepEqual(same, status);
  const refused = client.SetAttributes({ header: as('bob'), path, mode: 0o777, modificationTimeMs: 1 });
  t.is((await t.throwsAsync(refused))?.name, 'NotOwner');
  t.deepEqual((await client.GetFileInfo({ header: root(), path })).status, status);
});

test.serial('who makes or removes a name learns what its directory is like then', async (t) => {
  const { client } = live;
  await client.Mkdirs({ header: root(), path: '/names/a', createParent: true });
  await client.Mkdirs({ header: root(), path: '/names/b' });
  const now = async (path: string) => (await client.GetFileInfo({ header: root(), path })).status;
  const asked = { header: root(), withDirectory: true };
  const made = await client.Mkdirs({ ...asked, path: '/names/a/d' });
  t.deepEqual(made, { status: await now('/names/a/d'), directory: await now('/names/a') });
  t.is(made.directory?.children, 1);
  const file = await client.Create({ ...asked, header: root(), path: '/names/a/f', clientName: 'w' });
  t.like(file, { status: await now('/names/a/f'), directory: await now('/names/a'), firstBlock: null });
  const link = await client.CreateSymlink({ ...asked, header: root(), path: '/names/a/l', target: 'f' });
  t.deepEqual(link, { status: await now('/names/a/l'), directory: await now('/names/a') });
  const places = { source: '/names/a/l', destination: '/names/b/l' };
  const { directories } = await client.Rename({ header: root(), ...places, withDirectories: true });
  t.deepEqual(directories, [await now('/names/a'), await now('/names/b')]);
  const removed = await client.Delete({ ...asked, header: root(), path: '/names/b/l' });
  t.deepEqual(removed, { deleted: true, directory: await now('/names/b') });
  const { status } = await client.GetBlockLocations({ header: root(), path: '/names/a/f', withStatus: true });
  t.deepEqual(status, await now('/names/a/f'));
});

test.serial('the files of one client that are open, by pages; others see those that are theirs', async (t) => {
  const { client } = live;
  await client.Mkdirs({ header: root(), path: '/open', mode: 0o777, modeSet: true });
  const ids: number[] = [];
  for (let i = 0; i < 1001; i++) {
    const { status } = await client.Create({ header: root(), path: `/open/${i}`, clientName: 'many' });
    ids.push(status?.fileId ?? 0);
  }
  const { status } = await client.Create({ header: as('alice'), path: '/open/hers', clientName: 'many' });
  const hers = status?.fileId ?? 0;
  await client.Create({ header: root(), path: '/open/other', clientName: 'other' });
  const first = await client.ListOpenFiles({ header: root(), clientName: 'many' });
  t.deepEqual(first, { fileIds: ids.slice(0, 1000), nextPreviousId: ids[999] ?? 0 });
  const second = await client.ListOpenFiles({ header: root(), clientName: 'many', previousId: first.nextPreviousId });
  t.deepEqual(second, { fileIds: [ids[1000] ?? 0, hers], nextPreviousId: 0 });
  t.deepEqual(await client.ListOpenFiles({ header: as('alice'), clientName: 'many' }), {
    fileIds: [],
    nextPreviousId: ids[999] ?? 0,
  });
  const rest = { clientName: 'many', previousId: ids[999] ?? 0 };
  t.deepEqual((await client.ListOpenFiles({ header: as('alice'), ...rest })).fileIds, [hers]);
  t.deepEqual((await client.ListOpenFiles({ header: root(), clientName: 'nobody' })).fileIds, []);
  await client.Delete({ header: root(), path: '/open', recursive: true });
});

test.serial('errors come with their names and the texts of HDFS', async (t) => {
  const { client } = live;
  await t.throwsAsync(client.GetListing({ header: root(), path: '/none' }), {
    name: 'FileNotFound',
    message: /File does not exist: \/none/,
  });
  await t.throwsAsync(client.Mkdirs({ header: as('alice'), path: '/x' }), {
    name: 'AccessControl',
    message: /Permission denied: user=alice, access=WRITE, inode="\/":hdfs-test:supergroup:drwxr-xr-x/,
  });
  await t.throwsAsync(client.SaveNamespace({ header: as('alice') }), { name: 'AccessControl' });
  await t.throwsAsync(client.SetSafeMode({ header: as('alice'), action: 'SAFE_MODE_ENTER' }), {
    name: 'AccessControl',
  });
});

test.serial('bad fields are refused by name, and the NameNode lives on', async (t) => {
  const { client } = live;
  const header = root();
  const cases: [Promise<unknown>, string, RegExp][] = [
    [client.GetFileInfo({ header, path: 'relative' }), 'InvalidPath', /relative/],
    [client.GetFileInfo({ header, path: '/a/../b' }), 'InvalidPath', /"\.\."/],
    [client.GetFileInfo({ header, path: `/${'x'.repeat(9000)}` }), 'PathTooLong', /8000/],
    [client.GetFileInfo({ header: { user: 'a:b' }, path: '/' }), 'InvalidArgument', /header\.user/],
    [
      client.GetFileInfo({ header: { user: 'a', clientId: Buffer.alloc(3) }, path: '/' }),
      'InvalidArgument',
      /client_id/,
    ],
    [client.Create({ header, path: '/f' }), 'InvalidArgument', /client_name/],
    [client.Create({ header, path: '/f', clientName: 'w', mode: 0o17777, modeSet: true }), 'InvalidArgument', /mode/],
    [client.Create({ header, path: '/f', clientName: 'w', blockSize: 5 }), 'InvalidArgument', /min-block-size/],
    [
      client.Create({ header, path: '/f', clientName: 'w', withFirstBlock: true, clientHost: 'a\nb' }),
      'InvalidArgument',
      /client_host/,
    ],
    [
      client.Complete({ header, path: '/f', clientName: 'w', unusedBlock: { blockId: 0 } }),
      'InvalidArgument',
      /unused_block/,
    ],
    [client.AbandonBlock({ header, path: '/f', clientName: 'w' }), 'InvalidArgument', /^block/],
    [client.SetOwner({ header, path: '/', owner: 'a\nb' }), 'InvalidArgument', /owner/],
    [client.SetPermission({ header, path: '/', mode: 0o14755 }), 'InvalidArgument', /mode/],
  ];
  for (const [call, name, message] of cases) await t.throwsAsync(call, { name, message });
  t.not((await client.GetFileInfo({ header, path: '/' })).status, null);
});

test.serial('the namespace outlives a restart, with its answers, before and after a checkpoint', async (t) => {
  const header = root();
  await live.client.Mkdirs({ header: root(), path: '/kept' });
  await live.client.Delete({ header, path: '/kept' });
  const { txid } = await live.client.SaveNamespace({ header: root() });
  await live.client.Mkdirs({ header: root(), path: '/kept' });
  live = await live.restart();
  const stats = await live.client.GetFsStats({});
  t.is(stats.lastTxid, txid + 1);
  t.deepEqual(await live.client.Delete({ header, path: '/kept' }), { deleted: true, directory: null });
  t.not((await live.client.GetFileInfo({ header: root(), path: '/kept' })).status, null);
});

test.serial('health and metrics are served', async (t) => {
  const url = `http://127.0.0.1:${live.namenode.httpPort}`;
  const health = (await (await fetch(`${url}/health`)).json()) as { status: string; clusterId: string };
  t.is(health.status, 'ok');
  t.is(health.clusterId, 'CID-live');
  const metrics = await (await fetch(`${url}/metrics`)).text();
  t.regex(metrics, /^dfs_namenode_directories [1-9]/m);
  t.regex(metrics, /^dfs_namenode_safe_mode 0$/m);
  t.regex(metrics, /^dfs_namenode_call_seconds_count\{method="GetFileInfo",result="OK"\} [1-9]/m);
});

test('with too little space on its disk the NameNode reads and does not write', async (t) => {
  const short = await startLiveNamenode({ 'dfs.namenode.resource.du.reserved': '8000t' });
  t.teardown(() => short.stop());
  const { client } = short;
  let message = '';
  while (!message.includes('nearly full')) {
    ({ message } = await client.SetSafeMode({ header: root(), action: 'SAFE_MODE_GET' }));
  }
  await t.throwsAsync(client.Mkdirs({ header: root(), path: '/d' }), {
    name: 'SafeMode',
    message: /Cannot create directory \/d\. Name node is in safe mode\. .*dfs\.namenode\.resource\.du\.reserved/,
  });
  t.not((await client.GetFileInfo({ header: root(), path: '/' })).status, null);
});
