/**
 * Where a peer runs: name spaces of its own for the network, for mounts and for processes. Whatever happens in there, nothing of it is left
 * when its first process ends, and that one ends when this process does, because its standard input is a pipe from here.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);
const COMMAND_TIMEOUT_MS = 60_000;

/** Of the machine's directories these get the packages' files, and hide what is written to them in the sandbox. */
export const OVERLAID = ['/usr', '/etc', '/var'] as const;

/** `$1` is the directory with `root` (the packages) and `written`; the last command waits until nobody holds the other end of the pipe. */
const FIRST_PROCESS = `
set -e
ip link set lo up
for address in $2; do ip address add "$address/32" dev lo; done
for place in usr etc var; do
  mkdir -p "$1/root/$place" "$1/written/$place" "$1/work/$place"
  mount -t overlay overlay -o "lowerdir=$1/root/$place:/$place,upperdir=$1/written/$place,workdir=$1/work/$place" "/$place"
done
mount -t tmpfs tmpfs /run
echo ready
cat > /dev/null
`;

/** Addresses of the sandbox only: both peers refuse those of the loopback network for their servers. */
export const SANDBOX_ADDRESSES = ['10.99.0.1', '10.99.0.2', '10.99.0.3', '10.99.0.4'] as const;

export class Sandbox {
  readonly #outer: ChildProcess;
  /** The first process in the sandbox, as the machine numbers it. */
  readonly #pid: number;

  private constructor(outer: ChildProcess, pid: number) {
    this.#outer = outer;
    this.#pid = pid;
  }

  /** @param directory Where `root/` has unpacked packages; what the sandbox writes to {@link OVERLAID} goes there, too. */
  static async start(directory: string): Promise<Sandbox> {
    await mkdir(join(directory, 'root'), { recursive: true });
    const spaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
    const outer = spawn(
      'unshare',
      [...spaces, 'sh', '-c', FIRST_PROCESS, 'sh', directory, SANDBOX_ADDRESSES.join(' ')],
      {
        stdio: ['pipe', 'pipe', 'pipe'],
        detached: true, // so that Ctrl-C at the terminal reaches the bench only, which takes things down in order
      },
    );
    let complaint = '';
    outer.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
    const lines = createInterface(outer.stdout);
    const ready = await Promise.race([once(lines, 'line').then(() => true), once(outer, 'exit').then(() => false)]);
    if (!ready) throw new Error(`cannot make name spaces for the peer (root is needed): ${complaint.trim()}`);
    const children = await readFile(`/proc/${outer.pid}/task/${outer.pid}/children`, 'utf8');
    return new Sandbox(outer, Number(children.trim().split(' ')[0]));
  }

  /** What stands before a command that is to run in the sandbox. */
  get entry(): readonly string[] {
    return ['nsenter', '--target', String(this.#pid), '--net', '--mount', '--pid'];
  }

  /** Runs a command in the sandbox, to its end; returns what it printed. */
  async run(...command: string[]): Promise<string> {
    const [enter = '', ...args] = [...this.entry, ...command];
    try {
      return (await run(enter, args, { timeout: COMMAND_TIMEOUT_MS })).stdout;
    } catch (error) {
      const { stdout, stderr, message } = error as Error & { stdout?: string; stderr?: string };
      throw new Error(`${command[0]}: ${(stderr || stdout || message).trim()}`);
    }
  }

  /** The path by which a process of the machine reaches `path` of the sandbox, mounts included. */
  outside(path: string): string {
    return `/proc/${this.#pid}/root${path}`;
  }

  /** Ends every process in it; with them go its mounts and its network. */
  async stop(): Promise<void> {
    if (this.#outer.exitCode !== null || this.#outer.signalCode !== null) return;
    const ended = once(this.#outer, 'exit');
    this.#outer.stdin?.end();
    await ended;
  }
}
