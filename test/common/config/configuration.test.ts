import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { loadConfiguration } from '../../../common/config/configuration.js';
import { PROPERTIES } from '../../../common/config/properties.js';

function writeFile(t: ExecutionContext, content: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'configuration-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'dfs.yaml');
  writeFileSync(file, content);
  return file;
}

test('every default is allowed by its own property', (t) => {
  for (const [name, property] of Object.entries(PROPERTIES)) {
    t.not(property.parse(property.default), undefined, name);
    t.regex(property.doc, /\.$/, name);
  }
});

test("without a file and overrides everything is HDFS's default or ours", (t) => {
  const configuration = loadConfiguration({});
  t.is(configuration.get('dfs.blocksize'), 134_217_728);
  t.is(configuration.get('dfs.heartbeat.interval'), 3000);
  t.is(configuration.get('dfs.namenode.safemode.threshold-pct'), 0.999);
  t.deepEqual(configuration.get('dfs.namenode.rpc-address'), { host: '127.0.0.1', port: 8020 });
  t.is(configuration.get('fs.permissions.umask-mode'), 0o022);
  t.deepEqual(configuration.get('dfs.datanode.data.dir'), ['data/datanode']);
  t.false(configuration.has('dfs.blocksize'));
  t.deepEqual(configuration.given(), {});
});

test('overrides win over the file, the file over defaults', (t) => {
  const file = writeFile(
    t,
    `# our cluster
dfs.blocksize: 64m
dfs.replication: 2
fs.permissions.umask-mode: 027
dfs.datanode.synconclose: false
dfs.datanode.data.dir:
  - /disk1/dfs
  - /disk2/dfs
`,
  );
  const configuration = loadConfiguration({ file, overrides: { 'dfs.replication': '1' } });
  t.is(configuration.get('dfs.blocksize'), 64 * 1024 ** 2);
  t.is(configuration.get('dfs.replication'), 1);
  t.is(configuration.get('fs.permissions.umask-mode'), 0o027);
  t.is(configuration.get('dfs.datanode.synconclose'), false);
  t.deepEqual(configuration.get('dfs.datanode.data.dir'), ['/disk1/dfs', '/disk2/dfs']);
  t.true(configuration.has('dfs.blocksize'));
  t.is(configuration.given()['dfs.replication'], '1');
});

test('an empty file gives the defaults', (t) => {
  t.is(loadConfiguration({ file: writeFile(t, '# nothing yet\n') }).get('dfs.replication'), 3);
});

const refused: readonly [name: string, text: string, message: RegExp][] = [
  [
    'dfs.blocksize',
    '12q',
    /^dfs\.blocksize is "12q" \(given with -D\), but must be a size .*128m.* The default is "128m"\.$/,
  ],
  ['dfs.replication', '0', /must be a whole number from 1 to 512/],
  ['dfs.replication', '3.5', /must be a whole number/],
  ['dfs.heartbeat.interval', 'often', /must be a time of at least 10ms \(a plain number: seconds\), such as 500ms/],
  ['dfs.namenode.safemode.threshold-pct', '99.9', /must be a number from 0 to 1/],
  ['dfs.datanode.synconclose', 'yes', /must be true or false/],
  ['dfs.checksum.type', 'MD5', /must be one of CRC32C, CRC32, NULL/],
  ['dfs.namenode.rpc-address', '127.0.0.1', /must be a host and a port/],
  ['dfs.namenode.rpc-address', 'host:70000', /must be a host and a port/],
  ['dfs.namenode.name.dir', '', /must be a path/],
  ['dfs.datanode.data.dir', ' , ', /must be one or more paths/],
  ['fs.permissions.umask-mode', '888', /must be permission bits in octal/],
  ['dfs.datanode.rack', 'rack7', /must be a path of .* that begins with a slash/],
  ['dfs.blocksiz', '1', /^There is no property "dfs\.blocksiz" \(given with -D\)\. Did you mean dfs\.blocksize\?$/],
  ['toString', '1', /There is no property "toString".*docs\/CONFIGURATION\.md/],
];

for (const [name, text, message] of refused) {
  test(`${name}=${text} is refused with what is allowed`, (t) => {
    t.throws(() => loadConfiguration({ overrides: { [name]: text } }), { name: 'InvalidConfiguration', message });
  });
}

test('settings that contradict each other are refused, naming both', (t) => {
  t.throws(() => loadConfiguration({ overrides: { 'dfs.replication': '3', 'dfs.replication.max': '2' } }), {
    name: 'InvalidConfiguration',
    message: 'dfs.replication is 3, but must not be larger than dfs.replication.max, which is 2.',
  });
  t.throws(() => loadConfiguration({ overrides: { 'dfs.heartbeat.interval': '45s' } }), {
    name: 'InvalidConfiguration',
    message: /dfs\.heartbeat\.interval is 45s, .* dfs\.namenode\.stale\.datanode\.interval, which is 30s/,
  });
});

test('what is wrong in a file is told with the name of the file', (t) => {
  const cases: readonly [content: string, message: RegExp][] = [
    ['dfs.replication: lots', /dfs\.replication is "lots" \(in .*dfs\.yaml\)/],
    ['dfs.replicatoin: 3', /"dfs\.replicatoin" \(in .*dfs\.yaml\)\. Did you mean dfs\.replication\?/],
    ['dfs:\n  replication: 3', /Cannot use .*dfs\.yaml: the value of "dfs" is neither/],
    ['- dfs.replication', /it is not a mapping/],
    ['dfs.replication: [3', /dfs\.yaml is not valid YAML: .*line/s],
    ['dfs.replication: 3\ndfs.replication: 2', /not valid YAML: .*unique/s],
  ];
  for (const [content, message] of cases) {
    const file = writeFile(t, content);
    t.throws(() => loadConfiguration({ file }), { name: 'InvalidConfiguration', message }, content);
  }
  t.throws(() => loadConfiguration({ file: '/no/such/file.yaml' }), {
    name: 'InvalidConfiguration',
    message: 'Cannot read the configuration file /no/such/file.yaml: there is no such file.',
  });
});
