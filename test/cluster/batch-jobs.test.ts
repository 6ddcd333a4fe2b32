/** The worked examples of batch jobs, run as their users run them. */
import { spawn, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { PACKAGE_ROOT } from '../../client/cluster/package-root.js';
import { seededRandom } from '../../common/random.js';
import { type CommandResult, resultOf, sharedCluster } from './harness.js';
import { temporaryDirectory } from './support/files.js';
import { assertFsckWhole } from './support/health.js';

const cluster = sharedCluster(test);

const PYTHON = '/usr/bin/python3';

/** Why the Python example cannot run here; undefined when it can. */
const whyNoPython: string | undefined = (() => {
  const { status, error } = spawnSync(PYTHON, ['-c', 'import grpc, grpc_tools']);
  if (status === 0) return undefined;
  return error === undefined ? 'python3-grpcio or python3-grpc-tools is not installed' : `there is no ${PYTHON}`;
})();

function testWithPython(title: string, implementation: (t: ExecutionContext) => Promise<void>): void {
  if (whyNoPython === undefined) test.serial(title, implementation);
  else test.serial.skip(`${title} (${whyNoPython})`, implementation);
}

async function python(script: string, ...args: string[]): Promise<CommandResult> {
  const path = join(PACKAGE_ROOT, 'examples', 'python');
  return await resultOf(spawn(PYTHON, [resolve(path, script), ...args], { env: { ...process.env, PYTHONPATH: path } }));
}

testWithPython('a Python client makes a round trip over gRPC alone, with three replicas of its blocks', async (t) => {
  const { code, stdout, stderr } = await python('round_trip.py', cluster().namenode, '/python');
  t.deepEqual([code, stderr], [0, '']);
  t.regex(stdout, / 5000001 {2}3 {2}data\.bin\n/);
  const report = await assertFsckWhole(t, cluster(), '/python');
  t.deepEqual(
    report.files.map(({ path, blocks }) => [path, blocks.map(({ length }) => length)]),
    [
      ['/python/data.bin', [2_097_152, 2_097_152, 805_697]],
      ['/python/empty', []],
    ],
  );
});

testWithPython('what Python writes the shell reads, and the other way round', async (t) => {
  const local = await temporaryDirectory(t);
  const name = 'grüße – 日本.txt';
  t.is((await cluster().dfs(['put', '-', `/from shell ${name}`], { stdin: 'from the shell\n' })).code, 0);
  const script = join(local, 'exchange.py');
  await writeFile(
    script,
    `import sys, minihdfs
with minihdfs.Client(sys.argv[1]) as fs:
    fs.write(f"/from python {sys.argv[2]}", [b"from ", b"Python\\n"])
    sys.stdout.buffer.write(b"".join(fs.read(f"/from shell {sys.argv[2]}")))
`,
  );
  const { code, stdout, stderr } = await python(script, cluster().namenode, name);
  t.deepEqual([code, stdout, stderr], [0, 'from the shell\n', '']);
  t.is((await cluster().dfs(['cat', `/from python ${name}`])).stdout, 'from Python\n');
});

const WORDS = ['the', 'Block', 'replica', 'rack', "don't", 'größer', '日本', 'a', 'I', 'x'.repeat(9_000)];

/** Words and separators of all kinds, with lines of all lengths. */
function book(seed: number, words: number): string {
  const random = seededRandom(seed);
  const separators = [' ', ' ', ' ', '\n', '\t', ', ', '. ', ' - ', '\r\n', '   '];
  let text = seed % 2 === 0 ? ' ' : '';
  for (let i = 0; i < words; i++)
    text += `${WORDS[random.int(WORDS.length)]}${separators[random.int(separators.length)]}`;
  return `${text}end`;
}

/** The plain way to count: all in memory, split at white space. */
function countLocally(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of text.split(/[ \t\n\v\f\r]+/)) {
      const bare = word.toLowerCase().replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '');
      if (bare !== '') counts.set(bare, (counts.get(bare) ?? 0) + 1);
    }
  }
  return counts;
}

test.serial(
  'the word count over blocks finds what a plain count finds, words that straddle blocks included',
  async (t) => {
    const books = [book(1, 150), book(2, 120), book(3, 1)];
    for (const [index, text] of books.entries()) {
      const { code } = await cluster().dfs(['put', '-D', 'dfs.blocksize=4k', '-', `/book-${index}`], { stdin: text });
      t.is(code, 0);
    }
    const script = join(PACKAGE_ROOT, 'examples', 'word-count', 'word-count.ts');
    const args = [...books.keys()].map((index) => `/book-${index}`);
    const { code, stdout, stderr } = await resultOf(
      spawn(process.execPath, ['--import=tsx', script, ...args, '--namenode', cluster().namenode, '--top', '1000'], {
        cwd: PACKAGE_ROOT,
      }),
    );
    t.deepEqual([code, stderr], [0, '']);
    const found = new Map(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => {
          const [, count = '', word = ''] = /^ *(\d+) {2}(.*)$/.exec(line) ?? [];
          return [word, Number(count)] as const;
        }),
    );
    t.deepEqual(sorted(found), sorted(countLocally(books)));
  },
);

function sorted(counts: ReadonlyMap<string, number>): [string, number][] {
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}
