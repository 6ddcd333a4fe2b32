/** Numbers of the kernel's FUSE protocol (include/uapi/linux/fuse.h), as far as this project uses them. */

/** The version that is spoken; the kernel falls back to it. */
export const PROTOCOL = { major: 7, minor: 36 } as const;

export const Opcode = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  READLINK: 5,
  SYMLINK: 6,
  MKNOD: 8,
  MKDIR: 9,
  UNLINK: 10,
  RMDIR: 11,
  RENAME: 12,
  LINK: 13,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  STATFS: 17,
  RELEASE: 18,
  FSYNC: 20,
  SETXATTR: 21,
  GETXATTR: 22,
  LISTXATTR: 23,
  REMOVEXATTR: 24,
  FLUSH: 25,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  FSYNCDIR: 30,
  CREATE: 35,
  INTERRUPT: 36,
  DESTROY: 38,
  BATCH_FORGET: 42,
  FALLOCATE: 43,
  READDIRPLUS: 44,
  RENAME2: 45,
} as const;

/** Capabilities in the first exchange. */
export const InitFlag = {
  ASYNC_READ: 1 << 0,
  /** An open with O_TRUNC truncates by itself. */
  ATOMIC_O_TRUNC: 1 << 3,
  BIG_WRITES: 1 << 5,
  /** Cached pages go when the size or the time of a file has changed. */
  AUTO_INVAL_DATA: 1 << 12,
  DO_READDIRPLUS: 1 << 13,
  READDIRPLUS_AUTO: 1 << 14,
  PARALLEL_DIROPS: 1 << 18,
  MAX_PAGES: 1 << 22,
  /** We take off setuid and setgid when somebody else writes; otherwise the kernel asks for an attribute before every write. */
  HANDLE_KILLPRIV_V2: 1 << 28,
} as const;

/** Which fields of a SETATTR count. */
export const SetattrValid = {
  MODE: 1 << 0,
  UID: 1 << 1,
  GID: 1 << 2,
  SIZE: 1 << 3,
  ATIME: 1 << 4,
  MTIME: 1 << 5,
  ATIME_NOW: 1 << 7,
  MTIME_NOW: 1 << 8,
  KILL_SUIDGID: 1 << 11,
} as const;

/** In the flags of a WRITE: the writer may not keep setuid and setgid. */
export const WRITE_KILL_SUIDGID = 1 << 2;
/** In the second flags of an OPEN with O_TRUNC. */
export const OPEN_KILL_SUIDGID = 1 << 0;

export const RenameFlag = { NOREPLACE: 1 << 0 } as const;

/** In the mode of a FALLOCATE. */
export const FALLOCATE_KEEP_SIZE = 1;

export const OpenFlag = {
  /** Pages that are cached from earlier stay valid. */
  KEEP_CACHE: 1 << 1,
  /** Nothing is asked when the program closes the file. Kernels before 5.16 ask all the same. */
  NOFLUSH: 1 << 5,
} as const;

export const NotifyCode = { INVAL_INODE: 2 } as const;

export const IN_HEADER_BYTES = 40;
export const OUT_HEADER_BYTES = 16;
/** Between the header and the data of a WRITE. */
export const WRITE_IN_BYTES = 40;
