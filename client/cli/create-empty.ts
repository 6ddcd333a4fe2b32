import type { RemotePath } from './remote-path.js';
import type { Session } from './session.js';

/** Makes a file of 0 bytes. Its directory must exist. */
export async function createEmpty(session: Session, path: RemotePath, overwrite = false): Promise<void> {
  const fs = await session.fs(path);
  const options = { overwrite, createParent: false, firstBlock: false, signal: session.signal };
  const writer = await fs.create(path.absolute, options);
  await writer.close();
}
