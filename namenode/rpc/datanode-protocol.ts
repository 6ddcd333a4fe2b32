/** DatanodeProtocol: checks each field of what DataNodes send, and hands it to the service. */
import type { Block } from '../../common/block.js';
import { DfsError } from '../../common/errors.js';
import type { DatanodeProtocolHandlers } from '../../common/rpc/services.js';
import type { BlockReportRequest__Output } from '../../proto/generated/minihdfs/BlockReportRequest.js';
import type { DatanodeCommand as CommandMessage } from '../../proto/generated/minihdfs/DatanodeCommand.js';
import type { ReceivedDeletedBlock__Output } from '../../proto/generated/minihdfs/ReceivedDeletedBlock.js';
import type { RegisterRequest__Output } from '../../proto/generated/minihdfs/RegisterRequest.js';
import type { StorageReport__Output } from '../../proto/generated/minihdfs/StorageReport.js';
import type { DatanodeCommand } from '../datanode-command.js';
import type { Address } from '../datanode-descriptor.js';
import type { Registration } from '../datanode-manager.js';
import type { DatanodeService, ReportedEvent, Sender } from '../datanode-service.js';
import type { ReportedReplica, ReportPart } from '../full-block-reports.js';
import { parseRack } from '../network-topology.js';
import type { SynchronizedBlock } from '../operations/block-recovery.js';
import type { StorageReport } from '../storage-report.js';
import { block, count, list, optionalShortText, positive, shortText, targets } from './fields.js';
import { replicaLocation } from './messages.js';

export interface DatanodeProtocolOptions {
  readonly service: DatanodeService;
  readonly clusterId: string;
  /** Takes in the end of a block recovery. */
  readonly commitSynchronization: (result: SynchronizedBlock) => Promise<void>;
  readonly heartbeatIntervalMs: number;
  readonly blockReportIntervalMs: number;
}

const DIGEST_BYTES = 8;
const PORT_MAX = 65_535;
const REPLICAS_PER_PART_MAX = 1_000_000;
const FAULT_CHARACTERS_MAX = 1_000;
/** ReplicaState.FINALIZED as a number: parts of reports have the states as numbers. */
const FINALIZED = 1;
/** The last of ReplicaState. */
const TEMPORARY = 5;

export function datanodeProtocol(options: DatanodeProtocolOptions): DatanodeProtocolHandlers {
  const { service, clusterId, commitSynchronization, heartbeatIntervalMs, blockReportIntervalMs } = options;
  return {
    async Register(request, context) {
      const registrationId = await service.register(registrationOf(request, context.peerHost));
      return { clusterId, registrationId, heartbeatIntervalMs, blockReportIntervalMs };
    },

    async Heartbeat(request) {
      const commands = service.heartbeat(senderOf(request), {
        storages: list('storages', request.storages).map(storageReportOf),
        activeTransfers: count('active_transfers', request.activeTransfers),
        maxTransfers: count('max_transfers', request.maxTransfers),
        failedVolumes: count('failed_volumes', request.failedVolumes),
        replicationsInProgress: count('replications_in_progress', request.replicationsInProgress),
        failedTransfers: list('failed_transfers', request.failedTransfers).map((value) =>
          block('failed_transfers', value),
        ),
        failedMoves: list('failed_moves', request.failedMoves).map((value) => block('failed_moves', value)),
      });
      return { commands: commands.map(commandMessage) };
    },

    async BlockReport(request) {
      const storageUuid = shortText('storage_id', request.storageId);
      const commands = await service.blockReport(senderOf(request), storageUuid, reportPartOf(request));
      return { commands: commands.map(commandMessage) };
    },

    async BlockReceivedAndDeleted(request) {
      const reportNumber = count('report_number', request.reportNumber);
      await service.receivedAndDeleted(senderOf(request), reportNumber, list('blocks', request.blocks).map(eventOf));
      return {};
    },

    async ReportBadReplicas(request) {
      const replicas = list('replicas', request.replicas).map((replica) => ({
        block: block('replicas.block', replica.block),
        datanodeUuid: shortText('replicas.datanode_uuid', replica.datanodeUuid),
        storageUuid: optionalShortText('replicas.storage_id', replica.storageId),
      }));
      await service.reportBadReplicas(senderOf(request), replicas);
      return {};
    },

    async CommitBlockSynchronization(request) {
      service.requireRegistered(senderOf(request));
      await commitSynchronization({
        block: block('block', request.block),
        newGenerationStamp: positive('new_generation_stamp', request.newGenerationStamp),
        newLength: count('new_length', request.newLength),
        isGone: request.deleteBlock,
        targets: targets('new_locations', request.newLocations),
      });
      return {};
    },

    async ErrorReport(request) {
      service.errorReport(senderOf(request), request.message.slice(0, FAULT_CHARACTERS_MAX));
      return {};
    },
  };
}

function senderOf(request: { datanodeUuid: string; registrationId: string }): Sender {
  const { datanodeUuid, registrationId } = request;
  return {
    datanodeUuid: shortText('datanode_uuid', datanodeUuid),
    registrationId: shortText('registration_id', registrationId),
  };
}

function registrationOf(request: RegisterRequest__Output, peerHost: string): Registration {
  return {
    uuid: shortText('id.uuid', request.id?.uuid ?? ''),
    address: addressOf(request, peerHost),
    version: optionalShortText('version', request.version),
    clusterId: optionalShortText('cluster_id', request.clusterId),
    storages: list('storages', request.storages).map(storageReportOf),
  };
}

function addressOf({ id, rack: rackText }: RegisterRequest__Output, peerHost: string): Address {
  const rack = parseRack(rackText);
  if (rack === undefined) throw new DfsError('InvalidArgument', `rack "${rackText}" is not a path such as /dc1/rack7`);
  const host = shortText('id.host', id?.host ?? '');
  return {
    // One that listens on all addresses is reached where its call came from.
    host: host === '0.0.0.0' || host === '::' ? peerHost : host,
    dataPort: port('id.data_port', id?.dataPort ?? 0),
    rpcPort: port('id.rpc_port', id?.rpcPort ?? 0),
    httpPort: id?.httpPort === 0 ? 0 : port('id.http_port', id?.httpPort ?? 0),
    rack,
  };
}

function port(field: string, value: number): number {
  if (positive(field, value) > PORT_MAX) throw new DfsError('InvalidArgument', `${field} must be at most ${PORT_MAX}`);
  return value;
}

function storageReportOf(report: StorageReport__Output): StorageReport {
  const { digest } = report;
  if (digest.length !== 0 && digest.length !== DIGEST_BYTES) {
    throw new DfsError('InvalidArgument', `storages.digest must have ${DIGEST_BYTES} bytes, or none`);
  }
  return {
    uuid: shortText('storages.storage_id', report.storageId),
    capacityBytes: count('storages.capacity_bytes', report.capacityBytes),
    usedBytes: count('storages.used_bytes', report.usedBytes),
    remainingBytes: count('storages.remaining_bytes', report.remainingBytes),
    failed: report.failed,
    replicas: count('storages.replicas', report.replicas),
    digest,
  };
}

const EVENT_KINDS = { RECEIVING: 'receiving', RECEIVED: 'received', DELETED: 'deleted' } as const;

function eventOf(event: ReceivedDeletedBlock__Output): ReportedEvent {
  if (!Object.hasOwn(EVENT_KINDS, event.kind)) {
    throw new DfsError('InvalidArgument', 'blocks.kind must be RECEIVING, RECEIVED or DELETED');
  }
  return {
    kind: EVENT_KINDS[event.kind as keyof typeof EVENT_KINDS],
    block: block('blocks.block', event.block),
    storageUuid: shortText('blocks.storage_id', event.storageId),
  };
}

function reportPartOf(request: BlockReportRequest__Output): ReportPart {
  const { reportId, part, lastPart, blockIds, generationStamps, lengths, states } = request;
  const rows = blockIds.length;
  if (rows > REPLICAS_PER_PART_MAX) {
    throw new DfsError('InvalidArgument', `a part of a block report has at most ${REPLICAS_PER_PART_MAX} replicas`);
  }
  if (generationStamps.length !== rows || lengths.length !== rows || (states.length !== rows && states.length !== 0)) {
    throw new DfsError('InvalidArgument', 'the columns of a block report must be of the same length');
  }
  const replicas = blockIds.map((blockId, i) => ({
    ...reportedBlock(blockId, generationStamps[i] as number, lengths[i] as number),
    finalized: isFinalized(states[i] ?? FINALIZED),
  }));
  return { reportId: count('report_id', reportId), part: count('part', part), last: lastPart, replicas };
}

function reportedBlock(blockId: number, generationStamp: number, numBytes: number): Block {
  return {
    blockId: positive('block_ids', blockId),
    generationStamp: positive('generation_stamps', generationStamp),
    numBytes: count('lengths', numBytes),
  };
}

function isFinalized(state: number): ReportedReplica['finalized'] {
  if (positive('states', state) > TEMPORARY)
    throw new DfsError('InvalidArgument', 'states must be numbers of ReplicaState');
  return state === FINALIZED;
}

function commandMessage(command: DatanodeCommand): CommandMessage {
  switch (command.kind) {
    case 'register':
      return { register: {} };
    case 'transfer':
      return {
        transfer: {
          block: command.block,
          targets: command.targets.map(replicaLocation),
          balancing: command.balancing,
        },
      };
    case 'balancerBandwidth':
      return { balancerBandwidth: { bytesPerSecond: command.bytesPerSecond } };
    case 'verify':
      return { verify: { blocks: [...command.blocks] } };
    case 'invalidate':
      return { invalidate: { blocks: [...command.blocks] } };
    case 'recover': {
      const { block: recovered, recoveryId, locations, givenUp, truncate } = command;
      return {
        recover: {
          block: recovered,
          newGenerationStamp: recoveryId,
          locations: locations.map(replicaLocation),
          givenUp,
          truncate,
        },
      };
    }
    case 'fullReport':
      return { fullReport: { storageIds: [...command.storageUuids] } };
  }
}
