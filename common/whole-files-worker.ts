/** The thread behind whole-files.ts. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { withoutFirst } from './buffers.js';
import type { WholeFile } from './disk.js';
import { messageOf, osErrorCode } from './errors.js';
import type { WholeFileAnswer, WholeFileRequest } from './whole-files.js';

const port = parentPort;
if (port === null) throw new Error('this file runs in a worker thread');

/** From so many files on, one sync of the whole file system costs less than one for each of them. */
const SYNC_ALL_FROM = 16;

/** Written and not synced. */
let written: string[] = [];

port.on('message', (request: WholeFileRequest) => port.postMessage(answerTo(request)));

function answerTo(request: WholeFileRequest): WholeFileAnswer {
  try {
    if ('sync' in request) syncAll();
    else for (const file of request.write) writeFile(file);
    return {};
  } catch (error) {
    return { failure: { message: messageOf(error), code: osErrorCode(error) } };
  }
}

function writeFile({ path, content }: WholeFile): void {
  const fd = fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_TRUNC, 0o644);
  try {
    let remaining: readonly Uint8Array[] = content;
    while (remaining.length > 0) remaining = withoutFirst(remaining, fs.writevSync(fd, remaining));
  } finally {
    fs.closeSync(fd);
  }
  written.push(path);
}

function syncAll(): void {
  const paths = written;
  written = [];
  const [first] = paths;
  if (first === undefined || (paths.length >= SYNC_ALL_FROM && syncFileSystem(dirname(first)))) return;
  for (const path of paths) syncPath(path);
  for (const directory of new Set(paths.map(dirname))) syncPath(directory);
}

/** With syncfs(2), for which Node has no function. False where there is no `sync -f` (coreutils, busybox), or when it failed. */
function syncFileSystem(directory: string): boolean {
  return spawnSync('sync', ['-f', directory], { stdio: 'ignore' }).status === 0;
}

function syncPath(path: string): void {
  const fd = fs.openSync(path, fs.constants.O_RDONLY);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
