/** What libfuse and its command `fusermount` refuse a user, said before: their own words go to standard error, if anywhere. */
import { access, constants, readFile } from 'node:fs/promises';
import { DfsError, osErrorCode } from '../../../common/errors.js';
import { DEVICE, type DriverOptions } from '../driver.js';

const FUSE_CONFIGURATION = '/etc/fuse.conf';

/** @throws DfsError `AccessControl` for what this user may not do, `Unsupported` without FUSE. */
export async function requirePermission({ mountPoint, allowOther }: DriverOptions): Promise<void> {
  await access(DEVICE, constants.R_OK | constants.W_OK).catch((error: unknown) => {
    const code = osErrorCode(error);
    if (code === 'EACCES')
      throw refusal(`${DEVICE} is not open to this user; Debian opens it to all (chmod 666 ${DEVICE})`);
    throw new DfsError(
      'Unsupported',
      `${DEVICE} cannot be opened (${code}): is FUSE part of this kernel, and allowed here?`,
    );
  });
  if (process.getuid?.() === 0) return;
  await access(mountPoint, constants.W_OK).catch(() => {
    throw refusal(`cannot mount on ${mountPoint}: it is not writable for this user`);
  });
  if (allowOther && !/^\s*user_allow_other\s*$/m.test(await readFile(FUSE_CONFIGURATION, 'utf8').catch(() => ''))) {
    throw refusal(`--allow-other is only for root, unless ${FUSE_CONFIGURATION} has a line user_allow_other`);
  }
}

function refusal(why: string): DfsError {
  return new DfsError('AccessControl', why);
}
