/** Another file system beside ours, mounted in a sandbox of its own; see {@link startPeer}. */
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GLUSTERFS_PACKAGES, startGlusterfs } from './glusterfs.js';
import { MOOSEFS_PACKAGES, startMoosefs } from './moosefs.js';
import { unpackPackages } from './packages.js';
import { OVERLAID, Sandbox } from './sandbox.js';

export interface Peer {
  /** What tables call it, with its version. */
  readonly name: string;
  /** Its mount, as this process and its children reach it. */
  readonly mounted: string;
  /** A second mount of the same, whose kernel caches know nothing of what was written through the first. */
  readonly mountedAgain: string;
  /** For programs that resolve the path to where they work: what stands before their command, and where the mount is for them. */
  readonly inside: { readonly entry: readonly string[]; readonly mounted: string };
  stop(): Promise<void>;
}

/** Starts it in `sandbox` with three copies of everything below `directory`, mounts it at each of `mountPoints`; returns its version. */
export type StartPeer = (sandbox: Sandbox, directory: string, mountPoints: readonly string[]) => Promise<string>;

const PEERS = {
  moosefs: { title: 'MooseFS', packages: MOOSEFS_PACKAGES, start: startMoosefs },
  glusterfs: { title: 'GlusterFS', packages: GLUSTERFS_PACKAGES, start: startGlusterfs },
} as const satisfies Record<string, { title: string; packages: readonly string[]; start: StartPeer }>;

export type PeerName = keyof typeof PEERS;
export const PEER_NAMES = Object.keys(PEERS) as PeerName[];

/** @param parent Where its data goes: the disk that is measured. */
export async function startPeer(name: PeerName, parent: string): Promise<Peer> {
  if (process.getuid?.() !== 0) throw new Error(`--peer ${name} needs root, for name spaces and mounts`);
  const { title, packages, start } = PEERS[name];
  const disk = await realpath(parent);
  if (OVERLAID.some((place) => `${disk}/`.startsWith(`${place}/`)))
    throw new Error(`the peer's data cannot be below ${OVERLAID.join(', ')}: choose another --dir than ${disk}`);
  const directory = await mkdtemp(join(disk, `bench-${name}-`));
  let sandbox: Sandbox | undefined;
  const stop = async (): Promise<void> => {
    await sandbox?.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await unpackPackages(packages, join(directory, 'root'));
    sandbox = await Sandbox.start(directory);
    const data = join(directory, 'data');
    const mountPoints = [join(directory, 'mounted'), join(directory, 'mounted-again')] as const;
    for (const made of [data, ...mountPoints]) await mkdir(made);
    const version = await start(sandbox, data, mountPoints);
    const [mounted, mountedAgain] = [sandbox.outside(mountPoints[0]), sandbox.outside(mountPoints[1])];
    const inside = { entry: sandbox.entry, mounted: mountPoints[0] };
    return { name: `${title} ${version}`, mounted, mountedAgain, inside, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
