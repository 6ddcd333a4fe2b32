/**
 * Machines of a test: network name spaces of their own, joined by a bridge, whose links can be cut in one direction or both, without a word
 * to either side. The name spaces go away with the test, also when its process is killed.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** Where the processes of a cluster run: each on a host with an address of its own. */
export interface Hosts {
  address(host: string): string;
  /** The command line that runs a program on a host, as the very process that is started. */
  command(host: string, command: readonly string[]): readonly string[];
}

/** Hosts that are nothing but addresses of this machine (all of 127.0.0.0/8 are). Nothing can be cut between them. */
export class LoopbackHosts implements Hosts {
  readonly #prefix: string;
  readonly #names: readonly string[];

  /** @param number tells the addresses from those of others; below 65,536. */
  constructor(number: number, names: readonly string[]) {
    this.#prefix = `127.${64 + (number >> 10)}.${(number >> 2) & 255}`;
    this.#names = names;
  }

  address(host: string): string {
    return `${this.#prefix}.${this.#names.indexOf(host) + 1}`;
  }

  command(_host: string, command: readonly string[]): readonly string[] {
    return command;
  }
}

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

export class PrivateNetwork implements Hosts {
  /** Of the names of the name spaces. */
  readonly prefix: string;
  readonly #hosts: readonly string[];
  readonly #cuts = new Set<string>();

  /** A network that somebody else has built. */
  constructor(prefix: string, hosts: readonly string[]) {
    this.prefix = prefix;
    this.#hosts = hosts;
  }

  /** `clear` takes it away, with all processes in it; so does the end of this process. */
  static async build(hosts: readonly string[]): Promise<{ network: PrivateNetwork; clear: () => Promise<void> }> {
    const prefix = `dfs-${process.pid}-${++networks}`;
    const keeper = spawn('sh', ['-c', KEEPER, 'sh', prefix, ...hosts], { detached: true });
    const ended = once(keeper, 'close');
    await Promise.race([
      once(keeper.stdout, 'data'),
      ended.then(() => Promise.reject(new Error('the network could not be built'))),
    ]);
    const clear = async (): Promise<void> => {
      keeper.stdin.end();
      await ended;
    };
    return { network: new PrivateNetwork(prefix, hosts), clear };
  }

  address(host: string): string {
    return `10.77.0.${this.#hosts.indexOf(host) + 1}`;
  }

  /** What it runs ends with the network. (`ip netns exec` would give the program mounts of its own, that nobody else could change.) */
  command(host: string, command: readonly string[]): readonly string[] {
    return ['nsenter', `--net=/run/netns/${this.prefix}-${host}`, '--', ...command];
  }

  /** From now on nothing that `from` sends arrives at `to`. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from} ${to}`);
    this.#ip(from, ['neigh', 'replace', this.address(to), 'lladdr', NOBODYS_MAC, 'dev', 'eth0', 'nud', 'permanent']);
  }

  mend(from: string, to: string): void {
    if (this.#cuts.delete(`${from} ${to}`)) this.#ip(from, ['neigh', 'del', this.address(to), 'dev', 'eth0']);
  }

  /** Whether `from` has sent something over TCP of whose arrival it has not heard. */
  hasUnheard(from: string, to: string): boolean {
    const [program = '', ...args] = this.command(from, ['ss', '-tnH', 'dst', this.address(to)]);
    const list = execFileSync(program, args);
    return list
      .toString()
      .split('\n')
      .some((line) => Number(line.split(/\s+/)[2] ?? 0) > 0);
  }

  #ip(host: string, args: readonly string[]): void {
    execFileSync('ip', ['-n', `${this.prefix}-${host}`, ...args]);
  }
}
