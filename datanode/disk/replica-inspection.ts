/** Looks at the files of replicas without reading the data. */
import { join } from 'node:path';
import { osErrorCode } from '../../common/errors.js';
import { dataFileName, metaFileName, parseReplicaFileName } from '../../common/replica-file-name.js';
import type { FoundFiles } from '../replica-reconciliation.js';
import type { ReplicaDirectory } from './layout.js';
import { subdirectoryIndex } from './layout.js';
import { MetaFit } from './meta-fit.js';
import { readVersionFile } from './version-file.js';
import type { Volume } from './volume.js';

/** The names of one block's files in one directory. */
export interface BlockNames {
  hasData: boolean;
  /** Stamps of the meta files, the newest first. */
  readonly stamps: number[];
}

export class ReplicaInspection {
  readonly #volume: Volume;
  readonly #metaFit: MetaFit;

  constructor(volume: Volume) {
    this.#volume = volume;
    this.#metaFit = new MetaFit(volume.disk);
  }

  /** The blocks that have files in a directory subdirX/subdirY; those that do not belong there are left out. */
  namesIn(subdirectory: number): Promise<Map<number, BlockNames>> {
    const belongs = (blockId: number): boolean => subdirectoryIndex(blockId) === subdirectory;
    return this.#names(this.#volume.layout.subdirectory(subdirectory), belongs);
  }

  /** The blocks that have files of unfinished replicas. */
  namesOfUnfinished(kind: 'rbw' | 'tmp'): Promise<Map<number, BlockNames>> {
    return this.#names(this.#volume.layout[kind], () => true);
  }

  async #names(directory: string, belongs: (blockId: number) => boolean): Promise<Map<number, BlockNames>> {
    const found = new Map<number, BlockNames>();
    for (const name of await this.#list(directory)) {
      const file = parseReplicaFileName(name);
      if (file === undefined || !belongs(file.blockId)) continue;
      const names = found.get(file.blockId) ?? { hasData: false, stamps: [] };
      found.set(file.blockId, names);
      if (file.kind === 'data') names.hasData = true;
      else names.stamps.push(file.generationStamp);
    }
    for (const { stamps } of found.values()) stamps.sort((a, b) => b - a);
    return found;
  }

  async #list(directory: string): Promise<string[]> {
    try {
      return (await this.#volume.disk.list(directory)).map(({ name }) => name);
    } catch (error) {
      if (osErrorCode(error) === 'ENOENT') return [];
      throw error;
    }
  }

  /** `generationStamp`: whose meta file to look for; undefined when there is none to look for. */
  async look(blockId: number, generationStamp: number | undefined): Promise<FoundFiles> {
    const { disk, layout } = this.#volume;
    const metaPath = generationStamp === undefined ? undefined : layout.metaFile('finalized', blockId, generationStamp);
    const [dataBytes, metaBytes] = await Promise.all([
      disk.fileSize(layout.dataFile('finalized', blockId)),
      metaPath === undefined ? undefined : disk.fileSize(metaPath),
    ]);
    if (metaPath === undefined || metaBytes === undefined) return { dataBytes, hasMeta: false, metaFault: undefined };
    if (dataBytes === undefined) return { dataBytes, hasMeta: true, metaFault: undefined };
    return { dataBytes, hasMeta: true, metaFault: await this.#metaFit.misfit(metaPath, dataBytes, metaBytes) };
  }

  /** Whether what is mounted there is still this volume: where nothing is mounted any more, nothing is known about its files. */
  async isStillThere(): Promise<boolean> {
    const identity = await readVersionFile(this.#volume.disk, this.#volume.layout.version);
    return identity?.storageId === this.#volume.storageId;
  }

  /** Puts the files of a block aside, for a person to look at. */
  async quarantine(kind: ReplicaDirectory, blockId: number, { stamps }: BlockNames): Promise<void> {
    const { disk, layout } = this.#volume;
    const directory = layout.directory(kind, blockId);
    await disk.makeDirectory(layout.quarantine);
    for (const name of [dataFileName(blockId), ...stamps.map((stamp) => metaFileName(blockId, stamp))]) {
      await disk.rename(join(directory, name), join(layout.quarantine, name)).catch((error: unknown) => {
        if (osErrorCode(error) !== 'ENOENT') throw error;
      });
    }
  }
}
