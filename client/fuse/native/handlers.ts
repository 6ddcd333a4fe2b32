/** Requests as libfuse makes them, by paths, become operations on inodes and handles. */
import type { Caller, FileSystemOperations } from '../file-system-operations.js';
import type { Answers } from './answers.js';
import { attributeHandlers } from './attribute-handlers.js';
import type { NativeOperations } from './binding.js';
import { fileHandlers } from './file-handlers.js';
import { nameHandlers } from './name-handlers.js';
import type { OpenInodes } from './open-inodes.js';
import type { Paths } from './paths.js';

export interface HandlerContext {
  readonly operations: FileSystemOperations;
  readonly paths: Paths;
  readonly open: OpenInodes;
  readonly answers: Answers;
  /** Whose programs these are: fuse-native does not tell who asks. */
  readonly caller: Caller;
  /** fuse-native's record of the request for which a handler is being called; not to be asked for later. */
  readonly record: () => Buffer;
}

export function handlers(context: HandlerContext): NativeOperations {
  return { ...attributeHandlers(context), ...nameHandlers(context), ...fileHandlers(context) };
}
