/** What users get for wrong paths, names, flags, sizes and hosts: one sentence each, HDFS's where it has one, and an exit code. */
import { userInfo } from 'node:os';
import test from 'ava';
import { FileSystem } from '../../client/index.js';
import { fakeFileSystem, runCli } from '../client/cli/run-cli.js';
import { sharedCluster } from './harness.js';

const cluster = sharedCluster(test, { datanodes: 1, racks: 1 });

async function dfs(...args: string[]): Promise<{ code: number; stderr: string }> {
  return await runCli(fakeFileSystem(), args, {
    stdin: 'data',
    environment: {
      connect: (namenode, configuration) => FileSystem.connect({ namenode, configuration }),
      user: userInfo().username,
    },
    variables: { DFS_NAMENODE: cluster().namenode },
  });
}

const FAILED = 1;
const WRONG_USAGE = 255;

const WRONG: readonly (readonly [command: string, code: number, stderr: RegExp])[] = [
  ['ls /nothing', FAILED, /^ls: `\/nothing': No such file or directory\n$/],
  ['cat /dir', FAILED, /^cat: `\/dir': Is a directory\n$/],
  ['cat /nothing', FAILED, /^cat: `\/nothing': No such file or directory\n$/],
  ['put - /file', FAILED, /^put: `\/file': File exists\n$/],
  ['put - /nothing/file', FAILED, /^put: `\/nothing\/file': No such file or directory/],
  ['put - /file/below', FAILED, /^put: .*\/file.* not a directory/],
  ['put /no/local/file /', FAILED, /^put: `\/no\/local\/file': No such file or directory\n$/],
  ['get /nothing /tmp/never-made', FAILED, /^get: `\/nothing': No such file or directory\n$/],
  ['mkdir /dir', FAILED, /^mkdir: `\/dir': File exists\n$/],
  ['mkdir /nothing/below', FAILED, /^mkdir: `\/nothing\/below': No such file or directory\n$/],
  ['mkdir /.snapshot', FAILED, /^mkdir: .*reserved/],
  [`mkdir /${'n'.repeat(256)}`, FAILED, /^mkdir: .*limit=255 length=256\n$/],
  ['rmdir /dir', FAILED, /^rmdir: `\/dir': Directory is not empty\n$/],
  ['rm /dir', FAILED, /^rm: `\/dir': Is a directory\n$/],
  ['rm /nothing', FAILED, /^rm: `\/nothing': No such file or directory\n$/],
  ['mv /dir /dir/below', FAILED, /^mv: .*subdirectory of itself\n$/],
  ['mv /nothing /x', FAILED, /^mv: `\/nothing': No such file or directory\n$/],
  ['setrep 513 /file', FAILED, /^setrep: .*513 exceeds maximum of 512/],
  ['fsck /nothing', FAILED, /^fsck: `\/nothing': No such file or directory\n$/],
  ['-D dfs.blocksize=1 put - /x', FAILED, /^put: dfs\.blocksize is "1".*must be a size of at least/],
  ['-D dfs.blocksize=1024 put - /x', FAILED, /^put: .*block size.*1024.*4096/i],
  ['-D dfs.replicaton=2 put - /x', FAILED, /^put: .*"dfs\.replicaton".*Did you mean dfs\.replication\?\n$/],
  ['ls --namenode no-such-host.invalid:8020 /', FAILED, /^ls: .*no-such-host\.invalid:8020.*unknown host/],
  ['ls --namenode 127.0.0.1:1 /', FAILED, /^ls: .*127\.0\.0\.1:1.*connection refused/],
  ['ls --namenode 127.0.0.1:99999 /', WRONG_USAGE, /^ls: '127\.0\.0\.1:99999' .*host:port/],
  ['ls http://host/x', WRONG_USAGE, /^ls: 'http:\/\/host\/x' .*hdfs:\/\//],
  ['ls --frob /', WRONG_USAGE, /^ls: unknown option '--frob'\.\nUsage: dfs ls/],
  ['lss /', WRONG_USAGE, /^lss: Unknown command\. Did you mean ls\?\n$/],
  ['setrep none /file', WRONG_USAGE, /^setrep: 'none' is not a number/],
  ['chmod 999 /file', WRONG_USAGE, /^chmod: mode '999'/],
  ['safemode sideways', WRONG_USAGE, /^safemode: 'sideways' must be/],
  ['mkdir', WRONG_USAGE, /^mkdir: missing required argument/],
];

test('every wrong command is answered with its own sentence and exit code, and changes nothing', async (t) => {
  t.is((await dfs('mkdir', '/dir')).code, 0);
  t.is((await dfs('put', '-', '/dir/inside')).code, 0);
  t.is((await dfs('put', '-', '/file')).code, 0);
  for (const [command, code, message] of WRONG) {
    const result = await dfs(...command.split(' '));
    t.is(result.code, code, command);
    t.regex(result.stderr, message, command);
    t.notRegex(result.stderr, /\n\s+at /, 'no stack trace');
  }
  const { stdout } = await cluster().dfs(['ls', '-R', '-C', '/']);
  t.is(stdout, '/dir\n/dir/inside\n/file\n');
});
