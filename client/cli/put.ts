/** What `put` and the verbs like it share. */
import type { FileWriter } from '../file-writer.js';
import { checkDestination } from './destination.js';
import { PathError, PROBLEMS } from './errors.js';
import { type LocalItem, localItem, localName } from './local-files.js';
import { startProgress } from './progress.js';
import { remoteDestination, remoteTarget, splitOptionalDestination } from './remote-destination.js';
import type { RemoteItem, Session } from './session.js';
import { Upload, type UploadOptions } from './upload.js';
import { type WriteOptions, writeRemoteFile } from './write-remote.js';

export type PutOptions = Omit<UploadOptions, 'progress'>;

/** Copies all but the last of `args` to the last one. */
export async function runPut(session: Session, args: readonly string[], options: PutOptions): Promise<void> {
  const { sources, destination: destinationArg } = splitOptionalDestination(args);
  const destination = await session.destination(destinationArg);
  if (args.length === 1 && destination.status === undefined) await session.failMissing(destination);
  await checkDestination(remoteDestination(session, destination), sources.length, options.overwrite);
  if (sources.length === 1 && sources[0] === '-') {
    await putStandardInput(session, await remoteTarget(session, destination, '-'), options);
    return;
  }
  const progress = await startProgress(session);
  const upload = new Upload(session, await session.fs(destination), { ...options, progress });
  try {
    await upload.run(async () => {
      for (const arg of sources) {
        await session.attempt(arg, async () => {
          const source = await localItem(session, arg);
          await upload.add(source, await targetOf(session, source, destination, destinationArg));
        });
      }
    });
  } finally {
    progress.stop();
  }
}

/** As HDFS: a directory goes into a directory that exists, under its own name. */
async function targetOf(
  session: Session,
  source: LocalItem,
  destination: RemoteItem,
  arg: string,
): Promise<RemoteItem> {
  const target = await remoteTarget(session, destination, localName(source));
  if (source.stats.isDirectory() && target.status?.type === 'FILE') throw new PathError(arg, PROBLEMS.isNotDirectory);
  return target;
}

async function putStandardInput(session: Session, target: RemoteItem, options: WriteOptions): Promise<void> {
  if (target.status?.type === 'DIRECTORY') throw new PathError(target.shown, PROBLEMS.isDirectory);
  if (target.status !== undefined && !options.overwrite) throw new PathError(target.shown, PROBLEMS.exists);
  const { environment, signal } = session;
  await writeRemoteFile(await session.fs(target), target, { ...options, signal }, (writer) =>
    copyStream(environment.stdin, writer, signal),
  );
}

/** Copies a stream to its end, or until it is stopped, even while nothing comes. */
export async function copyStream(
  source: NodeJS.ReadableStream & { destroy(error?: Error): unknown },
  writer: FileWriter,
  signal: AbortSignal,
): Promise<void> {
  const stop = (): void => void source.destroy(signal.reason as Error);
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const bytes of source) await writer.write(bytes as Buffer);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
