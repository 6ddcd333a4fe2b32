/**
 * What programs get from a mounted file system, whichever it is: every figure is measured below one directory, by processes of its own (whoever serves
 * the mount may be waiting for this process). A run of all of them is one sample; {@link mountedRows} makes rows of several.
 */
import { execFile } from 'node:child_process';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Row } from '../report.js';
import { seconds, spread } from '../statistics.js';

const run = promisify(execFile);

/** One value of one run. */
export interface Figure {
  readonly what: string;
  readonly unit: string;
  readonly value: number;
}

/** Local files that all runs and all mounts are measured with. */
export interface MountedInputs {
  /** One large file, in the page cache. */
  readonly large: string;
  readonly largeMiB: number;
  /** An archive of {@link archiveFiles} files. */
  readonly archive: string;
  readonly archiveFiles: number;
  /** The `.git` of a repository of the same files; its index is that of the last run. */
  readonly repository: string;
}

const ARCHIVE_FILES = 10_000;
const ARCHIVE_FILES_A_DIRECTORY = 100;
const PROCESSES = 8;
const OPERATIONS_EACH = 250;
const RANDOM_READS = 2_000;

/** Files of 0 to 8 KiB, as sources have them. */
const MAKE_TREE = `
import os, random, sys
root, files, each = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = random.Random(1)
for i in range(files):
    if i % each == 0: os.makedirs(f'{root}/d{i // each}')
    with open(f'{root}/d{i // each}/f{i}', 'wb') as f: f.write(rng.randbytes(rng.randrange(0, 8192)))
`;

/** Arguments: directory, processes, operations of each. Prints `<what> <operations per second>`: until the last process is done. */
const OPERATIONS = `
import os, sys, time
directory, processes, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.makedirs(directory); os.chdir(directory)
for p in range(processes): os.mkdir(f'p{p}')
def measure(what, work):
    start, children = time.monotonic(), []
    for p in range(processes):
        pid = os.fork()
        if pid == 0:
            try:
                for i in range(count): work(f'p{p}', i)
                os._exit(0)
            except BaseException as error:
                print(error, file=sys.stderr, flush=True); os._exit(1)
        children.append(pid)
    if any(os.waitpid(pid, 0)[1] for pid in children): sys.exit(what + ' failed')
    print(what, processes * count / (time.monotonic() - start), sep='\\t', flush=True)
def write(d, i):
    fd = os.open(f'{d}/w{i}', os.O_CREAT | os.O_WRONLY); os.write(fd, b'x' * 4096); os.close(fd)
def read(d, i):
    fd = os.open(f'{d}/w{i}', os.O_RDONLY); os.read(fd, 4096); os.close(fd)
measure('create', lambda d, i: os.close(os.open(f'{d}/f{i}', os.O_CREAT | os.O_WRONLY)))
time.sleep(1.5)
measure('stat', lambda d, i: os.stat(f'{d}/f{i}'))
measure('rename', lambda d, i: os.rename(f'{d}/f{i}', f'{d}/r{i}'))
measure('unlink', lambda d, i: os.unlink(f'{d}/r{i}'))
measure('create, write 4 KiB, close', write)
time.sleep(1.5)
measure('open, read 4 KiB, close', read)
`;

/** Arguments: file, reads, processes. Prints reads per second. The file's pages are dropped, and the kernel reads no further than it is told. */
const RANDOM_READ = `
import os, random, sys, time
path, reads, processes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
size = os.stat(path).st_size
fd = os.open(path, os.O_RDONLY)
os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
start, children = time.monotonic(), []
for p in range(processes):
    pid = os.fork()
    if pid == 0:
        fd, rng = os.open(path, os.O_RDONLY), random.Random(p)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
        ok = all(len(os.pread(fd, 4096, rng.randrange(size // 4096) * 4096)) == 4096 for _ in range(reads // processes))
        os._exit(0 if ok else 1)
    children.append(pid)
if any(os.waitpid(pid, 0)[1] for pid in children): sys.exit('a read failed')
print(reads / (time.monotonic() - start))
`;

/** Makes below `directory` what the runs need, except the large file, which is there. */
export async function prepareMountedInputs(
  directory: string,
  large: string,
  largeMiB: number,
  archiveFiles = ARCHIVE_FILES,
): Promise<MountedInputs> {
  const tree = join(directory, 'tree');
  const archive = join(directory, 'tree.tar');
  const repository = join(directory, 'repository');
  await mkdir(tree);
  await python(MAKE_TREE, tree, String(archiveFiles), String(ARCHIVE_FILES_A_DIRECTORY));
  await run('tar', ['cf', archive, '-C', tree, '.']);
  await git('init', '-q', tree);
  await git('-C', tree, 'add', '.');
  await git('-C', tree, '-c', 'user.name=bench', '-c', 'user.email=bench@example.org', 'commit', '-qm', 'files');
  await rename(join(tree, '.git'), repository);
  await rm(tree, { recursive: true });
  return { large, largeMiB, archive, archiveFiles, repository };
}

/** All figures once, below a new directory of the mount, which is gone afterwards. */
export async function mountedFigures(mounted: string, inputs: MountedInputs): Promise<Figure[]> {
  const directory = join(mounted, 'bench');
  await run('mkdir', [directory]);
  const figures = [
    ...(await largeFile(directory, inputs)),
    ...(await operations(directory)),
    ...(await manyFiles(directory, inputs)),
  ];
  await run('rm', ['-r', directory]);
  return figures;
}

/** Medians and ranges of several runs of {@link mountedFigures}. */
export function mountedRows(runs: readonly (readonly Figure[])[], note: string): Row[] {
  return (runs[0] ?? []).map(({ what, unit }, i) => ({
    what,
    unit,
    note,
    value: spread(runs.map((figures) => figures[i]?.value ?? Number.NaN)),
  }));
}

export async function largeFile(
  directory: string,
  { large, largeMiB }: Pick<MountedInputs, 'large' | 'largeMiB'>,
): Promise<Figure[]> {
  const path = join(directory, 'large');
  await readFileOnce(large);
  const written = await seconds(() => run('dd', [`if=${large}`, `of=${path}`, 'bs=1M', 'conv=fsync']));
  await dropPages(path);
  const read = await seconds(() => readFileOnce(path));
  const figures = [
    { what: `dd of ${largeMiB} MiB, with fsync`, unit: 'MiB/s', value: largeMiB / written },
    { what: `dd of ${largeMiB} MiB from it`, unit: 'MiB/s', value: largeMiB / read },
    ...(await randomReads(path)),
  ];
  await run('cmp', [large, path]);
  return figures;
}

/** Of a large file, by one process and by several. */
export async function randomReads(path: string): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const processes of [1, PROCESSES]) {
    figures.push({
      what: `random reads of 4 KiB, ${processes} at a time`,
      unit: 'reads/s',
      value: Number(await python(RANDOM_READ, path, String(RANDOM_READS), String(processes))),
    });
  }
  return figures;
}

export async function operations(directory: string): Promise<Figure[]> {
  const output = await python(OPERATIONS, join(directory, 'operations'), String(PROCESSES), String(OPERATIONS_EACH));
  return output
    .trim()
    .split('\n')
    .map((line) => {
      const [what = '', perSecond = ''] = line.split('\t');
      return { what: `${what}, ${PROCESSES} at a time`, unit: 'per s', value: Number(perSecond) };
    });
}

export async function manyFiles(
  directory: string,
  { archive, archiveFiles, repository }: Pick<MountedInputs, 'archive' | 'archiveFiles' | 'repository'>,
): Promise<Figure[]> {
  const unpacked = join(directory, 'unpacked');
  await run('mkdir', [unpacked]);
  const figures: Figure[] = [];
  const measure = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    figures.push({
      what: `${what} of ${archiveFiles.toLocaleString('en-US')} files`,
      unit: 's',
      value: await seconds(work),
    });
  };
  const status = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, 1500)); // attributes are cached for a second
    await measure(figures.length === 1 ? 'first git status, which reads them,' : 'second git status', () =>
      git(`--git-dir=${repository}`, `--work-tree=${unpacked}`, 'status', '--porcelain'),
    );
  };
  await measure('tar x', () => run('tar', ['xf', archive, '-C', unpacked]));
  await status();
  await status();
  await measure('rm -r', () => run('rm', ['-r', unpacked]));
  return figures;
}

async function readFileOnce(path: string): Promise<void> {
  await run('dd', [`if=${path}`, 'of=/dev/null', 'bs=1M', 'status=none']);
}

/** Of dd's options only this one tells the kernel to forget a file's pages. */
export async function dropPages(path: string): Promise<void> {
  await run('dd', [`of=${path}`, 'oflag=nocache', 'conv=notrunc', 'count=0', 'status=none']);
}

async function python(script: string, ...args: string[]): Promise<string> {
  return (await run('python3', ['-c', script, ...args])).stdout;
}

async function git(...args: string[]): Promise<void> {
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' };
  await run('git', args, { env });
}
