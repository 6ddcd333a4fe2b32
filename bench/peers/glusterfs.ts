/** GlusterFS: one glusterd with three bricks, each with a copy of everything (replica 3). */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { waitUntil } from '../wait.js';
import type { StartPeer } from './peer.js';
import { SANDBOX_ADDRESSES } from './sandbox.js';

export const GLUSTERFS_PACKAGES = ['glusterfs-server', 'glusterfs-client'] as const;

const VOLUME = 'bench';
const COPIES = 3;
const [SERVER] = SANDBOX_ADDRESSES;

const succeeds = (command: Promise<string>): Promise<boolean> =>
  command.then(
    () => true,
    () => false,
  );

export const startGlusterfs: StartPeer = async (sandbox, directory, mountPoints) => {
  await sandbox.run('mkdir', '-p', '/run/gluster', '/var/log/glusterfs', '/var/lib/glusterd');
  await sandbox.run('glusterd');
  const gluster = (...args: string[]): Promise<string> => sandbox.run('gluster', '--mode=script', ...args);
  await waitUntil('glusterd answers', () => succeeds(gluster('volume', 'list')));
  const bricks = Array.from({ length: COPIES }, (_, i) => join(directory, `brick${i}`));
  for (const brick of bricks) await mkdir(brick);
  const addresses = bricks.map((brick) => `${SERVER}:${brick}`);
  await gluster('volume', 'create', VOLUME, 'replica', String(COPIES), ...addresses, 'force');
  await gluster('volume', 'start', VOLUME);
  for (const mountPoint of mountPoints) {
    await sandbox.run('glusterfs', `--volfile-server=${SERVER}`, `--volfile-id=${VOLUME}`, mountPoint);
    const probe = `mountpoint -q ${mountPoint} && echo probe > ${mountPoint}/probe && rm ${mountPoint}/probe`;
    await waitUntil('the volume is mounted and writable', () => succeeds(sandbox.run('sh', '-c', probe)));
  }
  return /glusterfs (\d+\.\d+)/.exec(await sandbox.run('glusterfs', '--version'))?.[1] ?? '';
};
