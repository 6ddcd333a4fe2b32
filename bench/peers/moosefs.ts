/** MooseFS: a master and three chunk servers, three copies of everything (goal 3). */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitUntil } from '../wait.js';
import type { StartPeer } from './peer.js';
import { SANDBOX_ADDRESSES, type Sandbox } from './sandbox.js';

export const MOOSEFS_PACKAGES = ['moosefs-master', 'moosefs-chunkserver', 'moosefs-client'] as const;

const [MASTER, ...CHUNK_SERVERS] = SANDBOX_ADDRESSES;
const COPIES = CHUNK_SERVERS.length;

/** Debian's settings, but no priority over our processes, and nobody to be who is not on this machine. */
const EVERY_SERVER = ['WORKING_USER = root', 'WORKING_GROUP = root', 'NICE_LEVEL = 0', 'DISABLE_OOM_KILLER = 0'];

async function configure(directory: string, file: string, settings: readonly string[]): Promise<string> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, file);
  await writeFile(path, `${[...EVERY_SERVER, `DATA_PATH = ${directory}`, ...settings].join('\n')}\n`);
  return path;
}

async function startMaster(sandbox: Sandbox, directory: string): Promise<void> {
  const exports = join(directory, 'exports.cfg');
  const config = await configure(directory, 'master.cfg', [
    `EXPORTS_FILENAME = ${exports}`,
    `MATOML_LISTEN_HOST = ${MASTER}`,
    `MATOCS_LISTEN_HOST = ${MASTER}`,
    `MATOCL_LISTEN_HOST = ${MASTER}`,
  ]);
  await writeFile(exports, '* / rw,alldirs,admin,maproot=0:0\n');
  await sandbox.run('cp', '/var/lib/mfs/metadata.mfs.empty', join(directory, 'metadata.mfs'));
  await sandbox.run('mfsmaster', '-c', config, 'start');
}

async function startChunkServer(sandbox: Sandbox, directory: string, address: string): Promise<void> {
  const disks = join(directory, 'hdd.cfg');
  const config = await configure(directory, 'chunkserver.cfg', [
    `HDD_CONF_FILENAME = ${disks}`,
    `BIND_HOST = ${address}`,
    `MASTER_HOST = ${MASTER}`,
    `CSSERV_LISTEN_HOST = ${address}`,
  ]);
  await mkdir(join(directory, 'chunks'));
  await writeFile(disks, `${join(directory, 'chunks')}\n`);
  await sandbox.run('mfschunkserver', '-c', config, 'start');
}

export const startMoosefs: StartPeer = async (sandbox, directory, mountPoints) => {
  await startMaster(sandbox, join(directory, 'master'));
  for (const address of CHUNK_SERVERS) await startChunkServer(sandbox, join(directory, address), address);
  for (const mountPoint of mountPoints) await sandbox.run('mfsmount', mountPoint, '-H', MASTER);
  const [mountPoint = ''] = mountPoints;
  await sandbox.run('mfssetgoal', '-r', String(COPIES), mountPoint);
  await sandbox.run('mfssettrashtime', '-r', '0', mountPoint); // deleted files would fill the disk that is measured
  await waitUntil('all chunk servers of MooseFS take chunks', async () => {
    const probe = join(mountPoint, 'probe');
    await sandbox.run('sh', '-c', `echo probe > ${probe}`);
    const chunks = await sandbox.run('mfsfileinfo', probe);
    await sandbox.run('rm', probe);
    return chunks.split('copy ').length - 1 >= COPIES;
  });
  return /version: (\d+\.\d+\.\d+)/.exec(await sandbox.run('mfsmaster', '-v'))?.[1] ?? '';
};
