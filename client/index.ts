/** The public API of Mini-HDFS for programs. */
export type { Block } from '../common/block.js';
export type { ErrorName } from '../common/errors.js';
export { DfsError, isDfsError } from '../common/errors.js';
export type { ConnectOptions } from './connect.js';
export type { FileReader } from './file-reader.js';
export { FileSystem } from './file-system.js';
export type { FileWriter, WriteOptions } from './file-writer.js';
export type { HedgedReadMetrics } from './hedged-reads.js';
export type { ContentsVersion, PosixNamespace, XattrMode } from './posix-namespace.js';
export { contentsVersion, inodePath } from './posix-namespace.js';
export type * from './types.js';
