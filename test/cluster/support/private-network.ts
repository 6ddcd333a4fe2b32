/**
 * Machines of a test: network name spaces of their own, joined by a bridge, whose links can be cut in one direction or both, without a word
 * to either side. The name spaces go away with the test, also when its process is killed.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { ExecutionContext } from 'ava';

/** Why no name spaces can be had here; undefined when they can. */
export const whyNoNetwork: string | undefined = (() => {
  const name = `dfs-${process.pid}-try`;
  const script = `ip netns add ${name} && ip -n ${name} link add v0 type veth peer name v1 && ip -n ${name} link add b0 type bridge`;
  const { status, stderr, error } = spawnSync('sh', ['-c', script]);
  spawnSync('ip', ['netns', 'del', name]);
  return status === 0 ? undefined : (error?.message ?? stderr.toString().trim());
})();

/** Builds the network, says so, and takes everything away when its standard input ends. */
const KEEPER = `
prefix=$1; shift
clear() {
  for host in hub "$@"; do
    for pid in $(ip netns pids "$prefix-$host" 2>/dev/null); do kill -9 "$pid"; done
    ip netns del "$prefix-$host" 2>/dev/null
  done
}
ip netns add "$prefix-hub" && ip -n "$prefix-hub" link add br0 type bridge && ip -n "$prefix-hub" link set br0 up || exit 1
number=0
for host in "$@"; do
  number=$((number + 1))
  ip netns add "$prefix-$host" &&
    ip -n "$prefix-hub" link add "p$number" type veth peer name eth0 netns "$prefix-$host" &&
    ip -n "$prefix-hub" link set "p$number" master br0 up &&
    ip -n "$prefix-$host" link set lo up &&
    ip -n "$prefix-$host" address add "10.77.0.$number/24" dev eth0 &&
    ip -n "$prefix-$host" link set eth0 up || { clear "$@"; exit 1; }
done
echo built
cat >/dev/null
clear "$@"
`;

/** Nobody has this one: what is sent to it is lost without a word. */
const NOBODYS_MAC = '02:00:00:00:00:ff';

let networks = 0;

export class PrivateNetwork {
  readonly #prefix: string;
  readonly #hosts: readonly string[];

  private constructor(prefix: string, hosts: readonly string[]) {
    this.#prefix = prefix;
    this.#hosts = hosts;
  }

  static async build(t: ExecutionContext, hosts: readonly string[]): Promise<PrivateNetwork> {
    const prefix = `dfs-${process.pid}-${++networks}`;
    const keeper = spawn('sh', ['-c', KEEPER, 'sh', prefix, ...hosts], { detached: true });
    const ended = once(keeper, 'close');
    t.teardown(async () => {
      keeper.stdin.end();
      await ended;
    });
    await Promise.race([
      once(keeper.stdout, 'data'),
      ended.then(() => Promise.reject(new Error('the network could not be built'))),
    ]);
    return new PrivateNetwork(prefix, hosts);
  }

  address(host: string): string {
    return `10.77.0.${this.#hosts.indexOf(host) + 1}`;
  }

  /** Runs a program on a host. It ends with the network. */
  spawn(host: string, command: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
    return spawn('ip', ['netns', 'exec', `${this.#prefix}-${host}`, ...command], { env });
  }

  /** From now on nothing that `from` sends arrives at `to`. */
  cut(from: string, to: string): void {
    this.#ip(from, ['neigh', 'replace', this.address(to), 'lladdr', NOBODYS_MAC, 'dev', 'eth0', 'nud', 'permanent']);
  }

  mend(from: string, to: string): void {
    this.#ip(from, ['neigh', 'del', this.address(to), 'dev', 'eth0']);
  }

  /** Whether `from` has sent something over TCP of whose arrival it has not heard. */
  hasUnheard(from: string, to: string): boolean {
    const list = execFileSync('ip', [
      'netns',
      'exec',
      `${this.#prefix}-${from}`,
      'ss',
      '-tnH',
      'dst',
      this.address(to),
    ]);
    return list
      .toString()
      .split('\n')
      .some((line) => Number(line.split(/\s+/)[2] ?? 0) > 0);
  }

  #ip(host: string, args: readonly string[]): void {
    execFileSync('ip', ['-n', `${this.#prefix}-${host}`, ...args]);
  }
}
