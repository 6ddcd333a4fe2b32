/** ClientProtocol: reading and changing the namespace. */
import { DfsError } from '../../common/errors.js';
import type { ClientProtocolHandlers } from '../../common/rpc/services.js';
import type { Namesystem } from '../namesystem.js';
import { setAttributes, setOwner, setPermission, setReplication, setTimes } from '../operations/attributes.js';
import { blockLocations } from '../operations/block-locations.js';
import { deletePath } from '../operations/delete.js';
import { mkdirs } from '../operations/mkdirs.js';
import { contentSummary, fileInfo, listing, withDirectory } from '../operations/read-namespace.js';
import { rename } from '../operations/rename.js';
import { setQuota } from '../operations/set-quota.js';
import { parsePath } from '../paths.js';
import { type CallerSettings, callOf } from './callers.js';
import { block, count, list, mode, optionalShortText, optionalUserName, positive, shortText } from './fields.js';
import { directoryQuota, fileStatus, locatedBlock, optionalStatus } from './messages.js';

type NamespaceHandlers = Pick<
  ClientProtocolHandlers,
  | 'GetFileInfo'
  | 'GetListing'
  | 'GetBlockLocations'
  | 'GetContentSummary'
  | 'ReportBadBlocks'
  | 'Mkdirs'
  | 'Rename'
  | 'Delete'
  | 'SetReplication'
  | 'SetPermission'
  | 'SetOwner'
  | 'SetTimes'
  | 'SetAttributes'
  | 'SetQuota'
>;

const DIRECTORY_MODE = 0o755;

export function namespaceHandlers(ns: Namesystem, callers: CallerSettings): NamespaceHandlers {
  return {
    async GetFileInfo(request) {
      const inode = fileInfo(ns, callOf(callers, request.header), parsePath(request.path));
      return { status: inode === undefined ? null : fileStatus(inode) };
    },

    async GetListing(request) {
      const { path, startAfter, limit } = request;
      const page = listing(ns, callOf(callers, request.header), parsePath(path), startAfter, count('limit', limit));
      return { entries: page.entries.map(fileStatus), hasMore: page.hasMore };
    },

    async GetBlockLocations(request, { peerHost }) {
      const { inode, blocks, lastBlock } = await blockLocations(ns, callOf(callers, request.header), {
        path: parsePath(request.path),
        offset: count('offset', request.offset),
        length: count('length', request.length),
        readerHost: optionalShortText('client_host', request.clientHost) || peerHost,
      });
      return {
        fileId: inode.id,
        fileLength: inode.length,
        underConstruction: inode.lease_holder !== null,
        blocks: blocks.map(locatedBlock),
        lastBlock: lastBlock === undefined ? null : locatedBlock(lastBlock),
        status: request.withStatus ? fileStatus(inode) : null,
      };
    },

    async GetContentSummary(request, context) {
      const { header, path } = request;
      const { quota, ...sums } = await contentSummary(ns, callOf(callers, header), parsePath(path), context.signal);
      return { ...sums, quota: quota === undefined ? null : directoryQuota(quota) };
    },

    async ReportBadBlocks(request) {
      for (const replica of list('replicas', request.replicas)) {
        const { datanodeUuid, storageId } = replica;
        const bad = block('replicas.block', replica.block);
        const datanode = shortText('replicas.datanode_uuid', datanodeUuid);
        await ns.blocks.reportedBad(bad, datanode, optionalShortText('replicas.storage_id', storageId));
      }
      return {};
    },

    async Mkdirs(request) {
      const call = callOf(callers, request.header);
      const path = parsePath(request.path);
      await mkdirs(ns, call, {
        path,
        mode: request.modeSet ? mode('mode', request.mode) : DIRECTORY_MODE,
        createParent: request.createParent,
        exclusive: request.exclusive,
        owner: optionalUserName('owner', request.owner),
        group: optionalUserName('group', request.group),
      });
      const { inode, directory } = request.withDirectory ? withDirectory(ns, call, path) : NOT_ASKED_FOR;
      return { status: optionalStatus(inode), directory: optionalStatus(directory) };
    },

    async Rename(request) {
      const call = callOf(callers, request.header);
      const [source, destination] = [parsePath(request.source), parsePath(request.destination)];
      await rename(ns, call, {
        source,
        destination,
        overwrite: request.overwrite,
        exact: request.exact,
        keepReplacedAs: request.keepReplacedAs === '' ? undefined : parsePath(request.keepReplacedAs),
      });
      if (!request.withDirectories) return {};
      const directories = [source, destination].map((path) => withDirectory(ns, call, path).directory);
      return { directories: directories.filter((inode) => inode !== undefined).map(fileStatus) };
    },

    async Delete(request) {
      const call = callOf(callers, request.header);
      const path = parsePath(request.path);
      const deleted = await deletePath(ns, call, path, request.recursive);
      const { directory } = request.withDirectory ? withDirectory(ns, call, path) : NOT_ASKED_FOR;
      return { deleted, directory: optionalStatus(directory) };
    },

    async SetReplication(request) {
      const replication = count('replication', request.replication);
      const changed = await setReplication(ns, callOf(callers, request.header), parsePath(request.path), replication);
      return { changed };
    },

    async SetPermission(request) {
      const { header, path } = request;
      await setPermission(ns, callOf(callers, header), parsePath(path), mode('mode', request.mode));
      return {};
    },

    async SetOwner(request) {
      await setOwner(ns, callOf(callers, request.header), parsePath(request.path), {
        owner: optionalUserName('owner', request.owner),
        group: optionalUserName('group', request.group),
      });
      return {};
    },

    async SetTimes(request) {
      const { modificationTimeMs, accessTimeMs } = request;
      await setTimes(ns, callOf(callers, request.header), parsePath(request.path), {
        modificationTimeMs: optionalTime('modification_time_ms', modificationTimeMs),
        accessTimeMs: optionalTime('access_time_ms', accessTimeMs),
        modificationTimeNs: nanoseconds('modification_time_ns', request.modificationTimeNs),
        accessTimeNs: nanoseconds('access_time_ns', request.accessTimeNs),
      });
      return {};
    },

    async SetQuota({ header, path, names, space, clearNames, clearSpace }) {
      const call = callOf(callers, header);
      if ((clearNames && names !== undefined) || (clearSpace && space !== undefined))
        throw new DfsError('InvalidArgument', 'a quota cannot be both set and cleared');
      await setQuota(ns, call, parsePath(path), {
        names: clearNames ? 'none' : names === undefined ? 'unchanged' : positive('names', names),
        space: clearSpace ? 'none' : space === undefined ? 'unchanged' : count('space', space),
      });
      return {};
    },

    async SetAttributes(request) {
      const { modificationTimeMs, accessTimeMs } = request;
      const inode = await setAttributes(ns, callOf(callers, request.header), parsePath(request.path), {
        mode: request.mode === undefined ? undefined : mode('mode', request.mode),
        owner: optionalUserName('owner', request.owner),
        group: optionalUserName('group', request.group),
        modificationTimeMs: optionalTime('modification_time_ms', modificationTimeMs),
        accessTimeMs: optionalTime('access_time_ms', accessTimeMs),
        modificationTimeNs: nanoseconds('modification_time_ns', request.modificationTimeNs),
        accessTimeNs: nanoseconds('access_time_ns', request.accessTimeNs),
      });
      return { status: fileStatus(inode) };
    },
  };
}

const NOT_ASKED_FOR: ReturnType<typeof withDirectory> = { inode: undefined, directory: undefined };

/** Within a millisecond. */
function nanoseconds(field: string, value: number): number {
  if (value <= 999_999) return count(field, value);
  throw new DfsError('InvalidArgument', `${field} must be an integer from 0 to 999999`);
}

function optionalTime(field: string, value: number | undefined): number | undefined {
  return value === undefined ? undefined : count(field, value);
}
