import { spawn } from 'node:child_process';
import { DfsError, messageOf } from '../../common/errors.js';

/** Runs one of the system's commands for mounts; `fd` becomes its descriptor 3. @throws DfsError `Unsupported` when there is none. */
export async function runTool(
  command: string,
  args: readonly string[],
  fd?: number,
): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe', ...(fd === undefined ? [] : [fd])] });
  return await new Promise((resolve, reject) => {
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', (error) =>
      reject(new DfsError('Unsupported', `${command} cannot be run: ${messageOf(error)}`)),
    );
    child.once('close', (code) => resolve({ code, stderr }));
  });
}
