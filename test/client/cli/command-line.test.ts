import test from 'ava';
import { OutputClosed } from '../../../client/cli/errors.js';
import { DfsError } from '../../../common/errors.js';
import { fakeFileSystem, runCli } from './run-cli.js';

const fs = () => fakeFileSystem({ '/a': 'hello' });

test('a verb may have a dash in front, as in HDFS', async (t) => {
  t.is((await runCli(fs(), ['cat', '/a'])).stdout, 'hello');
  t.is((await runCli(fs(), ['-cat', '/a'])).stdout, 'hello');
});

test('an unknown verb → one line with the nearest one, exit code 255', async (t) => {
  t.deepEqual(await runCli(fs(), ['lss', '/']), {
    code: 255,
    stdout: '',
    stderr: 'lss: Unknown command. Did you mean ls?\n',
    namenodes: [],
  });
  t.is((await runCli(fs(), ['-fscck'])).stderr, '-fscck: Unknown command. Did you mean fsck?\n');
  t.is((await runCli(fs(), ['xyzzyx'])).stderr, 'xyzzyx: Unknown command. `dfs help` lists all commands.\n');
  t.is((await runCli(fs(), ['cluster', 'statsu'])).stderr, 'cluster statsu: Unknown command. Did you mean status?\n');
});

test('an unknown flag → what was meant, usage, exit code 255', async (t) => {
  const { code, stderr } = await runCli(fs(), ['rm', '-skipTrahs', '/a']);
  t.is(code, 255);
  t.is(stderr, "rm: unknown option '-skipTrahs'. Did you mean -skipTrash?\nUsage: dfs rm [options] <path...>\n");
  t.regex((await runCli(fs(), ['ls', '--jsno', '/'])).stderr, /Did you mean --json\?/);
});

test('a missing argument → usage, exit code 255', async (t) => {
  for (const args of [
    ['cat'],
    ['mkdir'],
    ['rm', '-r'],
    ['mv', '/a'],
    ['cp', '/a'],
    ['chmod', '755'],
    ['chown', 'a:b'],
    ['setrep', '2'],
  ]) {
    const { code, stderr } = await runCli(fs(), args);
    t.is(code, 255, args.join(' '));
    t.regex(stderr, /^\w+: .*\nUsage: dfs \w+ .*\n$/, args.join(' '));
  }
});

test('flags may stand behind arguments, and be joined', async (t) => {
  t.is((await runCli(fs(), ['ls', '/a', '-C'])).stdout, '/a\n');
  t.is((await runCli(fs(), ['ls', '-CR', '/'])).stdout, '/a\n');
});

test('behind -- nothing is a flag', async (t) => {
  const dashed = fakeFileSystem({ '/user/alice/-C': 'x' });
  t.is((await runCli(dashed, ['cat', '--', '-C'])).stdout, 'x');
});

test("HDFS's flags that are words take one dash or two", async (t) => {
  for (const flag of ['-name', '--name']) t.is((await runCli(fs(), ['find', '/', flag, 'a'])).stdout, '/a\n');
});

test('-D is taken before and after the verb, joined or not', async (t) => {
  for (const args of [
    ['-D', 'dfs.replication=2', 'cat', '/a'],
    ['-Ddfs.replication=2', 'cat', '/a'],
    ['cat', '-D', 'dfs.replication=2', '/a'],
    ['cat', '/a', '-Ddfs.replication=2', '-D', 'dfs.blocksize=1m'],
  ]) {
    t.is((await runCli(fs(), args)).stdout, 'hello', args.join(' '));
  }
});

test('-D reaches the connection', async (t) => {
  let replication = 0;
  await runCli(fs(), ['-D', 'dfs.replication=7', 'cat', '/a'], {
    environment: {
      connect: async (_, configuration) => {
        replication = configuration.get('dfs.replication');
        return fs().asRemote();
      },
    },
  });
  t.is(replication, 7);
});

test('a wrong setting is told with what is allowed', async (t) => {
  const size = await runCli(fs(), ['-D', 'dfs.blocksize=big', 'ls', '/']);
  t.is(size.code, 1);
  t.regex(size.stderr, /^ls: dfs.blocksize is "big" .* must be a size/);
  t.regex((await runCli(fs(), ['-D', 'dfs.blocksiz=1m', 'ls', '/'])).stderr, /Did you mean dfs.blocksize\?/);
  t.regex((await runCli(fs(), ['ls', '-D', 'nothing', '/'])).stderr, /-D takes name=value, not 'nothing'/);
});

test('--namenode wins over DFS_NAMENODE, which wins over the configuration and the default', async (t) => {
  const variables = { DFS_NAMENODE: 'b:2' };
  const setting = ['-D', 'dfs.namenode.rpc-address=c:3'];
  const connected = async (args: string[], environment: Record<string, string>) =>
    (await runCli(fs(), [...args, 'cat', '/a'], { variables: environment })).namenodes;
  t.deepEqual(await connected(['--namenode', 'a:1', ...setting], variables), ['a:1']);
  t.deepEqual(await connected(['--namenode=a:1', ...setting], variables), ['a:1']);
  t.deepEqual(await connected(setting, variables), ['b:2']);
  t.deepEqual(await connected(setting, {}), ['c:3']);
  t.deepEqual(await connected([], {}), ['127.0.0.1:8020']);
});

test('a path may name its cluster', async (t) => {
  t.deepEqual((await runCli(fs(), ['cat', 'hdfs://other:9/a'])).namenodes, ['other:9']);
});

test('an address that is none is refused before anything is done', async (t) => {
  for (const address of ['nowhere', 'host:', ':1', 'host:99999', 'host:0', 'a b:1']) {
    const { code, stderr, namenodes } = await runCli(fs(), ['--namenode', address, 'ls', '/']);
    t.is(code, 255);
    t.regex(stderr, /^ls: '.*' is not a NameNode's address: it must be host:port/);
    t.deepEqual(namenodes, []);
  }
});

test('an error of the cluster is one sentence, without a stack', async (t) => {
  const connect = async (): Promise<never> => {
    throw new DfsError('ConnectionLost', 'Cannot reach the NameNode at 127.0.0.1:8020: connection refused.');
  };
  const { code, stderr } = await runCli(fs(), ['df'], { environment: { connect } });
  t.is(code, 1);
  t.is(stderr, 'df: Cannot reach the NameNode at 127.0.0.1:8020: connection refused.\n');
});

test('DFS_DEBUG=1 adds the stack', async (t) => {
  const connect = async (): Promise<never> => {
    throw new TypeError('oops');
  };
  const { stderr } = await runCli(fs(), ['df'], { environment: { connect }, variables: { DFS_DEBUG: '1' } });
  t.regex(stderr, /^df: oops\nTypeError: oops\n {4}at /);
});

test('nobody reads the output → quiet end', async (t) => {
  const stdout = {
    write: async (): Promise<void> => {
      throw new OutputClosed('closed');
    },
  };
  const { code, stderr } = await runCli(fs(), ['cat', '/a'], { environment: { stdout } });
  t.is(code, 141);
  t.is(stderr, '');
});

test('the user stops the command → it rejects with his reason, and the connection is closed', async (t) => {
  const stop = new AbortController();
  const reason = new Error('stop');
  const files = fs();
  const stdout = {
    write: async (): Promise<void> => {
      stop.abort(reason);
      throw stop.signal.reason;
    },
  };
  const error = await t.throwsAsync(runCli(files, ['cat', '/a'], { environment: { stdout, signal: stop.signal } }));
  t.is(error, reason);
  t.true(files.closed);
});

test('a cluster that hangs does not hold who stops the command', async (t) => {
  const stop = new AbortController();
  const hanging = { stats: () => new Promise(() => stop.abort(new Error('stop'))), close: async () => {} };
  const environment = { signal: stop.signal, connect: async () => hanging as never };
  await t.throwsAsync(runCli(fs(), ['df'], { environment }), { message: 'stop' });
});

test('no NameNode → said once, whatever the number of paths', async (t) => {
  const connect = async (): Promise<never> => {
    throw new DfsError('ConnectionLost', 'nobody there');
  };
  t.like(await runCli(fs(), ['rm', '/a', '/b', '/c'], { environment: { connect } }), {
    code: 1,
    stderr: 'rm: nobody there\n',
  });
});

test('admin and dfsadmin are other ways to the same verbs', async (t) => {
  for (const group of ['dfsadmin', 'admin', '-dfsadmin']) {
    t.is((await runCli(fs(), [group, '-safemode', 'get'])).stdout, 'Safe mode is OFF\n');
    t.is((await runCli(fs(), [group, 'safemode', 'get'])).stdout, 'Safe mode is OFF\n');
  }
  t.regex((await runCli(fs(), ['dfsadmin', '-report'])).stdout, /^Configured Capacity: /);
});

test("old names of HDFS's verbs still work", async (t) => {
  const files = fakeFileSystem({ '/d/e/f': 'x' });
  t.is((await runCli(files, ['-lsr', '-C', '/d'])).stdout, '/d/e\n/d/e/f\n');
  t.is((await runCli(files, ['-dus', '/d'])).stdout, '1  3  /d\n');
  t.is((await runCli(files, ['-rmr', '/d'])).stdout, 'Deleted /d\n');
});
