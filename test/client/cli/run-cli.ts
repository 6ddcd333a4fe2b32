/** Runs the command in this process, on a file system in memory unless `environment.connect` gives another. */
import { Readable } from 'node:stream';
import { run } from '../../../client/cli/run.js';
import type { Environment } from '../../../client/cli/session.js';
import { systemClock } from '../../../common/clock.js';
import { FakeFileSystem } from './fake-file-system.js';

export interface RunOptions {
  readonly stdin?: string | Uint8Array;
  readonly workingDirectory?: string;
  readonly environment?: Partial<Environment>;
  readonly variables?: Record<string, string>;
}

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The NameNodes that were connected to. */
  readonly namenodes: readonly string[];
}

export async function runCli(fs: FakeFileSystem, args: readonly string[], options: RunOptions = {}): Promise<Result> {
  const stdout: Uint8Array[] = [];
  const stderr: Uint8Array[] = [];
  const namenodes: string[] = [];
  const environment: Environment = {
    stdin: Readable.from(options.stdin === undefined ? [] : [Buffer.from(options.stdin)]),
    stdout: { write: async (bytes) => void stdout.push(Buffer.from(bytes)) },
    stderr: { write: async (bytes) => void stderr.push(Buffer.from(bytes)) },
    isTerminal: false,
    clock: systemClock,
    user: 'alice',
    workingDirectory: options.workingDirectory ?? '/',
    signal: new AbortController().signal,
    connect: async (namenode) => {
      namenodes.push(namenode);
      return fs.asRemote();
    },
    ...options.environment,
  };
  const code = await run(args, environment, options.variables ?? {});
  return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString(), namenodes };
}

export function fakeFileSystem(files: Readonly<Record<string, string | Buffer | null>> = {}): FakeFileSystem {
  return new FakeFileSystem().with(files);
}
