/** ClientProtocol: what POSIX has and HDFS has not. */
import { DfsError } from '../../common/errors.js';
import type { ClientProtocolHandlers } from '../../common/rpc/services.js';
import type { ContentsVersion__Output } from '../../proto/generated/minihdfs/ContentsVersion.js';
import type { Namesystem } from '../namesystem.js';
import { withDirectory } from '../operations/read-namespace.js';
import { type ContentsVersion, replaceContents } from '../operations/replace-contents.js';
import { createSymlink } from '../operations/symlink.js';
import { getXattrs, removeXattr, type SetXattrMode, setXattr } from '../operations/xattrs.js';
import { parsePath } from '../paths.js';
import { type CallerSettings, callOf } from './callers.js';
import { count, optionalUserName, positive } from './fields.js';
import { fileStatus, optionalStatus } from './messages.js';

type PosixHandlers = Pick<
  ClientProtocolHandlers,
  'CreateSymlink' | 'ReplaceContents' | 'GetXattrs' | 'SetXattr' | 'RemoveXattr'
>;

const XATTR_MODES: Readonly<Record<string, SetXattrMode>> = {
  XATTR_SET: 'set',
  XATTR_CREATE: 'create',
  XATTR_REPLACE: 'replace',
};

export function posixHandlers(ns: Namesystem, callers: CallerSettings): PosixHandlers {
  return {
    async CreateSymlink(request) {
      const call = callOf(callers, request.header);
      const path = parsePath(request.path);
      const inode = await createSymlink(ns, call, {
        path,
        target: request.target,
        owner: optionalUserName('owner', request.owner),
        group: optionalUserName('group', request.group),
      });
      const directory = request.withDirectory ? withDirectory(ns, call, path).directory : undefined;
      return { status: fileStatus(inode), directory: optionalStatus(directory) };
    },

    async ReplaceContents(request) {
      await replaceContents(ns, callOf(callers, request.header), {
        target: parsePath(request.target),
        expected: contentsVersion(request.expected),
        source: parsePath(request.source),
        blockIds: request.blockIds.map((id) => positive('block_ids', id)),
      });
      return {};
    },

    async GetXattrs(request) {
      return { xattrs: getXattrs(ns, callOf(callers, request.header), parsePath(request.path)) };
    },

    async SetXattr({ header, path, xattr, mode }) {
      if (xattr === null) throw new DfsError('InvalidArgument', 'xattr must be set');
      const wanted = XATTR_MODES[mode];
      if (wanted === undefined) throw new DfsError('InvalidArgument', 'mode is not one that this version knows');
      const value = Buffer.from(xattr.value);
      await setXattr(ns, callOf(callers, header), parsePath(path), { name: xattr.name, value }, wanted);
      return {};
    },

    async RemoveXattr({ header, path, name }) {
      await removeXattr(ns, callOf(callers, header), parsePath(path), name);
      return {};
    },
  };
}

function contentsVersion(value: ContentsVersion__Output | null): ContentsVersion {
  if (value === null) throw new DfsError('InvalidArgument', 'expected must be set');
  return {
    length: count('expected.length', value.length),
    blockIds: value.blockIds.map((id) => positive('expected.block_ids', id)),
    lastGenerationStamp: count('expected.last_generation_stamp', value.lastGenerationStamp),
  };
}
