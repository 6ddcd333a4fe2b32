/**
 * Bugs to be planted in the sources, one at a time, to see whether the simulator finds them. Each is a slip that somebody could really make, and
 * breaks one promise of the file system.
 */
export interface Mutant extends Slip {
  readonly name: string;
  /** The promise that does not hold with it. */
  readonly breaks: string;
  /** Where a second check stands behind the first one: a bug that has taken out only one of them breaks nothing. */
  readonly also?: readonly Slip[];
}

export interface Slip {
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'ack-before-sync',
    breaks: 'Nothing is answered before it is in the edit log on stable storage.',
    file: 'namenode/storage/segment-log.ts',
    find: `await current.file.write(frame, current.offset);
      await current.file.sync();`,
    replace: 'await current.file.write(frame, current.offset);',
  },
  {
    name: 'forgotten-answers',
    breaks: 'A call that is repeated gets its first answer (retry cache).',
    file: 'namenode/storage/apply-retry-cache.ts',
    find: 'if (call !== undefined) {',
    replace: 'if (call !== undefined && txid < 0) {',
  },
  {
    name: 'replay-skips-a-kind',
    breaks: 'Replay gives the live state, row for row.',
    file: 'namenode/storage/replay.ts',
    find: 'for (const record of records.slice(next - firstTxid)) applier.apply(applier.counters.appliedTxid + 1, record);',
    replace: `for (const record of records.slice(next - firstTxid)) {
        const txid = applier.counters.appliedTxid + 1;
        const skipped = { ...record, op: 'takeStamp', generationStamp: 0 } as const;
        applier.apply(txid, record.op === 'rename' ? skipped : record);
      }`,
  },
  {
    name: 'log-removed-too-early',
    breaks: 'Segments of the edit log stay as long as they are needed.',
    file: 'namenode/storage/checkpoint.ts',
    find: 'await log.removeThrough(txid - retainedTransactions);',
    replace: 'await log.removeThrough(Math.max(txid, txid - retainedTransactions));',
  },
  {
    name: 'torn-tail-believed',
    breaks: 'A batch that was not written whole before a crash is not replayed.',
    file: 'namenode/storage/edit-frames.ts',
    find: 'return header.readUInt32LE(4) === frameCrc(header, payload);',
    replace: 'return header.readUInt32LE(0) === payload.length;',
  },
  {
    name: 'lease-not-checked',
    breaks: 'A file has one writer.',
    file: 'namenode/operations/open-file.ts',
    find: 'if (inode.lease_holder !== request.clientName) {',
    replace: "if (request.clientName === '') {",
    also: [
      {
        file: 'namenode/operations/open-file.ts',
        find: 'inode.opened_by !== request.openedBy) {',
        replace: 'inode.opened_by < 0) {',
      },
    ],
  },
  {
    name: 'openings-not-told-apart',
    breaks: 'An earlier writer of a client writes nothing once the client has opened the file again.',
    file: 'namenode/operations/open-file.ts',
    find: 'request.openedBy !== undefined &&',
    replace: 'request.openedBy === -1 &&',
  },
  {
    name: 'recovery-leaves-the-lease',
    breaks: 'A lease recovery takes the file from its writer.',
    file: 'namenode/operations/lease-recovery.ts',
    find: 'leaseHolder: NAMENODE_LEASE_HOLDER,',
    replace: 'leaseHolder: inode.lease_holder ?? NAMENODE_LEASE_HOLDER,',
  },
  {
    name: 'stale-replica-counts',
    breaks: 'A replica with an old generation stamp is not one of the block.',
    file: 'namenode/replica-judgement.ts',
    find: 'return block.generation_stamp === replica.generation_stamp && block.length === replica.length;',
    replace: 'return block.generation_stamp >= replica.generation_stamp;',
  },
  {
    name: 'stale-replica-served',
    breaks: 'A DataNode gives no replica to a reader who asks for a newer one.',
    file: 'datanode/replica-store.ts',
    find: 'if (replica.generationStamp < block.generationStamp) {',
    replace: 'if (replica.generationStamp < 0) {',
  },
  {
    name: 'pipeline-keeps-its-stamp',
    breaks: 'A replica that missed the rebuilding of its pipeline takes no part in it later.',
    file: 'namenode/operations/pipeline.ts',
    find: `    const generationStamp = tx.counters.generationStamp + 1;
    return { answer: generationStamp, record: { op: 'takeStamp', generationStamp } };`,
    replace: `    const { generationStamp } = block;
    return { answer: generationStamp, record: { op: 'takeStamp', generationStamp } };`,
    also: [
      {
        file: 'namenode/operations/pipeline.ts',
        find: 'if (generationStamp <= last.generation_stamp ||',
        replace: 'if (generationStamp < last.generation_stamp ||',
      },
    ],
  },
  {
    name: 'receiver-trusts',
    breaks: 'The last DataNode of a pipeline verifies what it acknowledges.',
    file: 'datanode/packet-reception.ts',
    find: 'if (bad < 0) return true;',
    replace: 'if (bad < data.length + dataLength) return true;',
  },
  {
    name: 'reader-trusts',
    breaks: 'A reader verifies what it gives to its program.',
    file: 'client/tcp/block-reader.ts',
    find: 'if (bad < 0) return;',
    replace: 'if (bad < Number.POSITIVE_INFINITY) return;',
  },
  {
    name: 'scanner-trusts',
    breaks: 'Rot is found although nobody reads the replica.',
    file: 'datanode/disk/replica-verification.ts',
    find: 'if (bad >= 0) throw',
    replace: 'if (bad > numBytes) throw',
  },
  {
    name: 'close-without-sync',
    breaks: 'What was closed survives a power cut (dfs.datanode.synconclose).',
    file: 'datanode/replica-store.ts',
    find: 'if (this.#syncOnClose) await files.sync(replica.numBytes);',
    replace: 'if (this.#syncOnClose && replica.numBytes < 0) await files.sync(replica.numBytes);',
  },
  {
    name: 'rename-without-sync',
    breaks: 'A replica that was finalized is found there after a power cut.',
    file: 'datanode/disk/volume.ts',
    find: 'durable ? () => this.#syncBoth(to, from) : undefined',
    replace: 'durable && block.numBytes < 0 ? () => this.#syncBoth(to, from) : undefined',
  },
  {
    name: 'hsync-without-sync',
    breaks: 'What was hsynced survives a power cut.',
    file: 'datanode/packet-writer.ts',
    find: 'if (packets.some((packet) => packet.sync)) await this.#sync();',
    replace: 'if (packets.some((packet) => packet.sync && packet.seqno < 0)) await this.#sync();',
  },
  {
    name: 'journal-without-sync',
    breaks: 'A small block that was closed survives a power cut.',
    file: 'datanode/disk/replica-journal.ts',
    find: 'if (batch.some(({ durable }) => durable)) await segment.file.sync();',
    replace: 'if (batch.length === 0) await segment.file.sync();',
  },
  {
    name: 'journal-not-replayed',
    breaks: 'A small block that was closed is there after a crash of the DataNode.',
    file: 'datanode/disk/volume-scan.ts',
    find: 'await this.#volume.replayJournal(this.#logger);',
    replace: 'if (nowMs < 0) await this.#volume.replayJournal(this.#logger);',
  },
  {
    name: 'journal-undoes-changes',
    breaks: 'A small block that was appended to is not set back by a crash.',
    file: 'datanode/disk/journal-replay.ts',
    find: 'if ((await newest.of(replica.block.blockId)) <= replica.block.generationStamp) wanted.push(replica);',
    replace: 'if ((await newest.of(replica.block.blockId)) >= 0) wanted.push(replica);',
  },
  {
    name: 'small-block-without-downstream',
    breaks: 'A small block is acknowledged when all DataNodes of its pipeline have it.',
    file: 'datanode/small-block-receiver.ts',
    find: 'return { statuses: [...own.statuses, ...behind.statuses], message: own.message || behind.message };',
    replace:
      'return { statuses: [...own.statuses, ...behind.statuses.map(() => own.statuses[0] ?? 0)], message: own.message };',
  },
  {
    name: 'ack-before-downstream',
    breaks: 'A packet is acknowledged only when all DataNodes of the pipeline have it.',
    file: 'datanode/packet-responder.ts',
    find: `    } catch {
      return [NOT_HEARD];
    }`,
    replace: `    } catch {
      return [{ status: Status.SUCCESS, slow: false }];
    }`,
  },
  {
    name: 'flush-without-ack',
    breaks: 'What hflush has acknowledged is on all DataNodes of the pipeline.',
    file: 'client/file-writer.ts',
    find: 'await writer.acknowledged(builder.lastSeqno);',
    replace: 'await writer.acknowledged(builder.lastSeqno - 1);',
  },
  {
    name: 'unacked-not-sent-again',
    breaks: 'What a broken pipeline has not acknowledged is sent again.',
    file: 'client/block-writer.ts',
    find: 'this.#queue = [...this.#unacked, ...this.#queue];',
    replace: 'this.#queue = [...this.#unacked.slice(1), ...this.#queue];',
  },
  {
    name: 'recovery-cuts-too-much',
    breaks: 'The recovery of a block keeps everything that was acknowledged.',
    file: 'datanode/recovery-plan.ts',
    find: 'return update(participants, Math.min(...participants.map(({ numBytes }) => numBytes)));',
    replace: `const shortest = Math.min(...participants.map(({ numBytes }) => numBytes));
  return update(participants, acknowledged > 0 ? Math.min(acknowledged, shortest) : shortest);`,
  },
  {
    name: 'recovery-lets-the-writer-go-on',
    breaks: 'From the recovery of a block on, its old writer is stopped.',
    file: 'datanode/replica-recovery.ts',
    find: "await catalog.inPipeline(blockId)?.writer?.stop('the block is being recovered');",
    replace: 'await Promise.resolve();',
    also: [
      {
        file: 'datanode/replica-recovery.ts',
        find: 'if (catalog.inPipeline(replica.blockId)?.writer === undefined) return;',
        replace: 'if (catalog.inPipeline(replica.blockId)?.writer === undefined || replica.blockId > 0) return;',
      },
    ],
  },
  {
    name: 'one-replica-too-few-is-kept',
    breaks: 'Deleting surplus replicas leaves as many as are wanted.',
    file: 'namenode/redundancy-decision.ts',
    find: 'const surplus = Math.max(0, sure.length - block.replication);',
    replace: 'const surplus = Math.max(0, sure.length - Math.max(1, block.replication - 1));',
  },
  {
    name: 'surplus-without-racks',
    breaks: 'Deleting surplus replicas leaves no rack uncovered.',
    file: 'namenode/excess-replicas.ts',
    find: 'const dispensable = crowded.length > 0 ? crowded : left;',
    replace: 'const dispensable = crowded.length > left.length ? crowded : left;',
  },
  {
    name: 'silent-nodes-count-as-sure',
    breaks: 'No replica is deleted on the strength of one that may not be there.',
    file: 'namenode/datanode-descriptor.ts',
    find: "return this.counts && this.datanode.state === 'live' && this.trust === 'verified';",
    replace: 'return this.counts;',
  },
  {
    name: 'old-orders-carried-out',
    breaks: 'What the deletion of a replica relied on is still there when it is ordered.',
    file: 'namenode/invalidations.ts',
    find: 'if (block === undefined) return true;',
    replace: 'if (block === undefined || row.block > 0) return true;',
  },
  {
    name: 'deleted-blocks-stay',
    breaks: 'The replicas of deleted files are deleted.',
    file: 'namenode/replica-judgement.ts',
    find: 'if (block === undefined) return ReplicaRowState.INVALIDATE;',
    replace: 'if (block === undefined) return ReplicaRowState.LIVE;',
  },
  {
    name: 'concat-backwards',
    breaks: 'The files of a concat follow each other in the order in which they were given.',
    file: 'namenode/storage/apply-concat.ts',
    find: 'for (const source of sources) {',
    replace: 'for (const source of [...sources].reverse()) {',
  },
  {
    name: 'digests-not-compared',
    breaks: 'The NameNode counts only replicas that their DataNodes have.',
    file: 'namenode/storage-report.ts',
    find: "return report.replicas === row.replicas && row.digest.equals(report.digest) ? 'equal' : 'different';",
    replace: "return report.replicas >= 0 && row.digest.length > 0 ? 'equal' : 'different';",
  },
  {
    name: 'safe-mode-left-at-once',
    breaks: 'Nothing is changed or copied before enough blocks have been found.',
    file: 'namenode/safe-mode.ts',
    find: 'return Math.ceil(total * this.#options.settings.threshold);',
    replace: 'return Math.ceil(total * this.#options.settings.threshold * 0);',
  },
];
