/**
 * Answers to the kernel. Each is one write to /dev/fuse:
 *
 *     ┌─────┬────────┬────────┬──────────────────────────┐
 *     │ len │ -errno │ unique │ as the request wants it  │
 *     │  4  │   4    │   8    │                          │
 *     └─────┴────────┴────────┴──────────────────────────┘
 */
import type { Attributes, DirectoryEntry, Statfs } from '../file-system-operations.js';
import { NotifyCode, OUT_HEADER_BYTES, PROTOCOL } from './constants.js';

/** How long the kernel may go by what it was told. */
export interface Validity {
  readonly entryMs: number;
  readonly attributesMs: number;
}

const ATTR_BYTES = 88;
const ENTRY_BYTES = 128;
const DIRENT_BYTES = 24;
const BLOCK_UNIT = 512;
const BLOCK_SIZE = 4096;

export function replyHeader(unique: bigint, errno: number, bodyBytes: number): Buffer {
  const header = Buffer.allocUnsafe(OUT_HEADER_BYTES);
  header.writeUInt32LE(OUT_HEADER_BYTES + bodyBytes, 0);
  header.writeInt32LE(-errno, 4);
  header.writeBigUInt64LE(unique, 8);
  return header;
}

export interface InitReply {
  readonly maxReadahead: number;
  readonly flags: number;
  readonly maxWrite: number;
  readonly maxPages: number;
  readonly maxBackground: number;
}

export function initBody({ maxReadahead, flags, maxWrite, maxPages, maxBackground }: InitReply): Buffer {
  const body = Buffer.alloc(64);
  body.writeUInt32LE(PROTOCOL.major, 0);
  body.writeUInt32LE(PROTOCOL.minor, 4);
  body.writeUInt32LE(maxReadahead, 8);
  body.writeUInt32LE(flags >>> 0, 12);
  body.writeUInt16LE(maxBackground, 16);
  body.writeUInt16LE(Math.floor((maxBackground * 3) / 4), 18);
  body.writeUInt32LE(maxWrite, 20);
  body.writeUInt32LE(1, 24); // times are exact to the nanosecond
  body.writeUInt16LE(maxPages, 28);
  return body;
}

export function entryBody(attributes: Attributes, validity: Validity): Buffer {
  const body = Buffer.alloc(ENTRY_BYTES);
  putEntry(body, 0, attributes, validity);
  return body;
}

export function attributesBody(attributes: Attributes, { attributesMs }: Validity): Buffer {
  const body = Buffer.alloc(16 + ATTR_BYTES);
  putDuration(body, 0, 8, leftOf(attributesMs, attributes));
  putAttributes(body, 16, attributes);
  return body;
}

export function openBody(handle: number, flags: number): Buffer {
  const body = Buffer.alloc(16);
  putNumber(body, 0, handle);
  body.writeUInt32LE(flags, 8);
  return body;
}

export function writtenBody(bytes: number): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt32LE(bytes, 0);
  return body;
}

export function statfsBody(stats: Statfs): Buffer {
  const body = Buffer.alloc(80);
  putNumber(body, 0, stats.blocks);
  putNumber(body, 8, stats.free);
  putNumber(body, 16, stats.available);
  putNumber(body, 24, stats.files);
  putNumber(body, 32, stats.freeFiles);
  body.writeUInt32LE(stats.blockBytes, 40);
  body.writeUInt32LE(stats.nameBytesMax, 44);
  body.writeUInt32LE(stats.blockBytes, 48);
  return body;
}

/** To those who ask for the size of an attribute first. */
export function xattrSizeBody(bytes: number): Buffer {
  return writtenBody(bytes);
}

/** One page of a listing: entries as long as there is room. */
export class DirectoryPage {
  readonly #page: Buffer;
  readonly #withAttributes: Validity | undefined;
  #used = 0;

  /** With a validity the entries carry attributes (READDIRPLUS). */
  constructor(sizeBytes: number, withAttributes: Validity | undefined) {
    this.#page = Buffer.alloc(sizeBytes);
    this.#withAttributes = withAttributes;
  }

  /** `nextOffset` is where a listing goes on behind this entry. False when there is no room for it. */
  add(entry: DirectoryEntry, nextOffset: number): boolean {
    const { name, inode, type, attributes } = entry;
    const before = this.#withAttributes === undefined ? 0 : ENTRY_BYTES;
    const bytes = before + Math.ceil((DIRENT_BYTES + name.length) / 8) * 8;
    if (this.#used + bytes > this.#page.length) return false;
    let at = this.#used;
    if (this.#withAttributes !== undefined && attributes !== undefined) {
      putEntry(this.#page, at, attributes, this.#withAttributes);
    }
    at += before;
    putNumber(this.#page, at, inode);
    putNumber(this.#page, at + 8, nextOffset);
    this.#page.writeUInt32LE(name.length, at + 16);
    this.#page.writeUInt32LE(type, at + 20);
    name.copy(this.#page, at + DIRENT_BYTES);
    this.#used += bytes;
    return true;
  }

  bytes(): Buffer {
    return this.#page.subarray(0, this.#used);
  }
}

/** Tells the kernel to forget the attributes of an inode, and its pages unless they are still good. */
export function invalidateInode(inode: number, what: 'attributes' | 'everything'): Buffer {
  const body = Buffer.alloc(24);
  putNumber(body, 0, inode);
  body.writeBigInt64LE(what === 'everything' ? 0n : -1n, 8);
  body.writeBigInt64LE(0n, 16); // to the end
  return notification(NotifyCode.INVAL_INODE, body);
}

function notification(code: number, body: Buffer): Buffer {
  return Buffer.concat([replyHeader(0n, -code, body.length), body]);
}

function putEntry(target: Buffer, at: number, attributes: Attributes, validity: Validity): void {
  putNumber(target, at, attributes.inode);
  putNumber(target, at + 8, 0); // ids of inodes are never used again
  putDuration(target, at + 16, at + 32, validity.entryMs);
  putDuration(target, at + 24, at + 36, leftOf(validity.attributesMs, attributes));
  putAttributes(target, at + 40, attributes);
}

function putAttributes(target: Buffer, at: number, attributes: Attributes): void {
  const { inode, size, mode, links, uid, gid, atime, mtime, ctime } = attributes;
  putNumber(target, at, inode);
  putNumber(target, at + 8, size);
  putNumber(target, at + 16, Math.ceil(size / BLOCK_UNIT));
  for (const [i, time] of [atime, mtime, ctime].entries()) {
    const seconds = Math.floor(time.ms / 1000);
    target.writeBigInt64LE(BigInt(seconds), at + 24 + 8 * i);
    target.writeUInt32LE((time.ms - seconds * 1000) * 1_000_000 + time.ns, at + 48 + 4 * i);
  }
  target.writeUInt32LE(mode, at + 60);
  target.writeUInt32LE(links, at + 64);
  target.writeUInt32LE(uid, at + 68);
  target.writeUInt32LE(gid, at + 72);
  target.writeUInt32LE(BLOCK_SIZE, at + 80);
}

/** What was seen a while ago has used up a part of its time. */
function leftOf(validMs: number, { ageMs }: Attributes): number {
  return Math.max(0, Math.floor(validMs - ageMs));
}

function putDuration(target: Buffer, secondsAt: number, nanosecondsAt: number, ms: number): void {
  putNumber(target, secondsAt, Math.floor(ms / 1000));
  target.writeUInt32LE((ms % 1000) * 1_000_000, nanosecondsAt);
}

function putNumber(target: Buffer, at: number, value: number): void {
  target.writeUInt32LE(value % 2 ** 32, at);
  target.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4);
}
