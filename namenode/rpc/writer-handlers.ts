/** ClientProtocol: writing a file. */
import type { ClientProtocolHandlers } from '../../common/rpc/services.js';
import type { Call, Namesystem } from '../namesystem.js';
import { abandonBlock } from '../operations/abandon-block.js';
import { addBlock } from '../operations/add-block.js';
import { append } from '../operations/append.js';
import { complete } from '../operations/complete.js';
import { concat } from '../operations/concat.js';
import { create } from '../operations/create.js';
import { fsync } from '../operations/fsync.js';
import { recoverLease } from '../operations/lease-recovery.js';
import type { WriterRequest } from '../operations/open-file.js';
import { additionalDatanodes, updateBlockForPipeline, updatePipeline } from '../operations/pipeline.js';
import { withDirectory } from '../operations/read-namespace.js';
import { truncate } from '../operations/truncate.js';
import { parsePath } from '../paths.js';
import { filesHeldBy } from '../storage/open-file-rows.js';
import { type CallerSettings, callOf } from './callers.js';
import {
  block,
  count,
  list,
  mode,
  optionalBlock,
  optionalShortText,
  optionalUserName,
  positive,
  shortText,
  shortTexts,
  targets,
} from './fields.js';
import { fileStatus, locatedBlock, optionalStatus, replicaLocation } from './messages.js';

type WriterHandlers = Pick<
  ClientProtocolHandlers,
  | 'Create'
  | 'Append'
  | 'AddBlock'
  | 'AbandonBlock'
  | 'GetAdditionalDatanode'
  | 'UpdateBlockForPipeline'
  | 'UpdatePipeline'
  | 'Fsync'
  | 'Complete'
  | 'RenewLease'
  | 'RecoverLease'
  | 'ListOpenFiles'
  | 'Truncate'
  | 'Concat'
>;

const FILE_MODE = 0o644;

export function writerHandlers(ns: Namesystem, callers: CallerSettings): WriterHandlers {
  return {
    async Create(request, { peerHost }) {
      const call = callOf(callers, request.header);
      const path = parsePath(request.path);
      const writerHost = optionalShortText('client_host', request.clientHost) || peerHost;
      const { inode, firstBlock } = await create(ns, call, {
        path,
        clientName: shortText('client_name', request.clientName),
        mode: request.modeSet ? mode('mode', request.mode) : FILE_MODE,
        overwrite: request.overwrite,
        createParent: request.createParent,
        replication: count('replication', request.replication) || ns.settings.replication,
        blockSizeBytes: count('block_size', request.blockSize) || ns.settings.blockSizeBytes,
        owner: optionalUserName('owner', request.owner),
        group: optionalUserName('group', request.group),
        firstBlock: request.withFirstBlock ? { writerHost } : undefined,
      });
      const directory = request.withDirectory ? withDirectory(ns, call, path).directory : undefined;
      const opened = {
        status: fileStatus(inode),
        directory: optionalStatus(directory),
        openedBy: openedBy(call),
      };
      return firstBlock === undefined ? opened : { ...opened, firstBlock: locatedBlock(firstBlock) };
    },

    async Append(request) {
      const call = callOf(callers, request.header);
      const { inode, lastBlock } = await append(ns, call, {
        path: parsePath(request.path),
        clientName: shortText('client_name', request.clientName),
        newBlock: request.newBlock,
      });
      return {
        status: fileStatus(inode),
        lastBlock: lastBlock === undefined ? null : locatedBlock(lastBlock),
        openedBy: openedBy(call),
      };
    },

    async AddBlock(request, { peerHost }) {
      const added = await addBlock(ns, callOf(callers, request.header), {
        ...writer(request),
        previous: optionalBlock('previous', request.previous),
        excludeDatanodes: shortTexts('exclude_datanodes', request.excludeDatanodes),
        writerHost: optionalShortText('client_host', request.clientHost) || peerHost,
      });
      return { block: locatedBlock(added) };
    },

    async AbandonBlock(request) {
      await abandonBlock(ns, callOf(callers, request.header), {
        ...writer(request),
        block: block('block', request.block),
      });
      return {};
    },

    async GetAdditionalDatanode(request) {
      const locations = await additionalDatanodes(ns, callOf(callers, request.header), {
        ...writer(request),
        block: block('block', request.block),
        existing: targets('existing', request.existing),
        excludeDatanodes: shortTexts('exclude_datanodes', request.excludeDatanodes),
        additional: positive('additional', request.additional),
      });
      return { locations: locations.map(replicaLocation) };
    },

    async UpdateBlockForPipeline(request) {
      const generationStamp = await updateBlockForPipeline(ns, callOf(callers, request.header), {
        ...writer(request),
        block: block('block', request.block),
      });
      return { generationStamp };
    },

    async UpdatePipeline(request) {
      await updatePipeline(ns, callOf(callers, request.header), {
        ...writer(request),
        oldBlock: block('old_block', request.oldBlock),
        newBlock: block('new_block', request.newBlock),
        targets: targets('locations', request.locations),
      });
      return {};
    },

    async Fsync(request) {
      const lastBlock = optionalBlock('last_block', request.lastBlock);
      await fsync(ns, callOf(callers, request.header), { ...writer(request), lastBlock });
      return {};
    },

    async Complete(request, context) {
      const lastBlock = optionalBlock('last_block', request.lastBlock);
      const unusedBlock = optionalBlock('unused_block', request.unusedBlock);
      const completeRequest = { ...writer(request), lastBlock, unusedBlock };
      return { complete: await complete(ns, callOf(callers, request.header), completeRequest, context) };
    },

    async RenewLease(request) {
      ns.leases.renew(shortText('client_name', request.clientName), ns.clock.monotonicMs());
      return {};
    },

    async Truncate(request) {
      const done = await truncate(ns, callOf(callers, request.header), {
        path: parsePath(request.path),
        clientName: shortText('client_name', request.clientName),
        newLength: count('new_length', request.newLength),
      });
      return { done };
    },

    async Concat(request) {
      const sources = list('sources', request.sources).map((source) => parsePath(source));
      await concat(ns, callOf(callers, request.header), parsePath(request.target), sources);
      return {};
    },

    async RecoverLease(request) {
      const recovered = {
        path: parsePath(request.path),
        clientName: optionalShortText('client_name', request.clientName),
      };
      return { closed: await recoverLease(ns, callOf(callers, request.header), recovered) };
    },

    async ListOpenFiles(request) {
      const { user, superuser } = callOf(callers, request.header);
      const holder = shortText('client_name', request.clientName);
      const after = count('previous_id', request.previousId);
      const { listingLimit } = ns.settings;
      const files = filesHeldBy(ns.journal.committed, holder, after, listingLimit);
      const shown = files.filter(({ owner }) => superuser || owner === user);
      const nextPreviousId = files.length < listingLimit ? 0 : (files.at(-1)?.id ?? 0);
      return { fileIds: shown.map(({ id }) => id), nextPreviousId };
    },
  };
}

/** What the writer shall give with its further calls. */
function openedBy({ id }: Call): number {
  return id?.callId ?? 0;
}

function writer(request: { path: string; fileId: number; clientName: string; openedBy: number }): WriterRequest {
  return {
    path: parsePath(request.path),
    fileId: count('file_id', request.fileId),
    clientName: shortText('client_name', request.clientName),
    openedBy: count('opened_by', request.openedBy) || undefined,
  };
}
