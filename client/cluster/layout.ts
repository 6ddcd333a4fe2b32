/**
 * Which processes a cluster on one machine has, and on which ports and racks. Pure: nothing here looks at the machine.
 *
 * Ports without a base port are HDFS's: the NameNode answers on 8020 (HTTP 9870), the first DataNode on 9866 (HTTP 9864, RPC 9867), and
 * each further DataNode ten higher. With base port P: the NameNode on P (HTTP P + 1), DataNodes on P + 10 (RPC P + 11, HTTP P + 12),
 * P + 20, and so on.
 */
import { DfsError } from '../../common/errors.js';

export const HOST = '127.0.0.1';

export interface NamenodeLayout {
  readonly rpcPort: number;
  readonly httpPort: number;
}

export interface DatanodeLayout {
  /** From 1 on; the name people use for it. */
  readonly index: number;
  readonly rack: string;
  readonly dataPort: number;
  readonly rpcPort: number;
  readonly httpPort: number;
}

export interface ClusterLayout {
  readonly racks: number;
  readonly basePort: number | null;
  readonly namenode: NamenodeLayout;
  readonly datanodes: readonly DatanodeLayout[];
  /** Settings of all processes, by property name, as text. */
  readonly settings: Readonly<Record<string, string>>;
}

/** What the user asks for. What is not given stays as it is, or is the default. */
export interface LayoutRequest {
  readonly datanodes?: number | undefined;
  readonly racks?: number | undefined;
  readonly basePort?: number | undefined;
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

const DEFAULT_DATANODES = 3;
const DEFAULT_RACKS = 2;
const MAX_PORT = 65_535;

/**
 * Settings that differ from the defaults of a real cluster. HDFS stays in safe mode for 30 s after everything is there, so that
 * latecomers among many machines do not set off repairs; here nobody comes late.
 */
const SINGLE_MACHINE_SETTINGS = { 'dfs.namenode.safemode.extension': '0' };

/** Settings that each process gets from the layout. */
const OWN_SETTINGS = [
  'dfs.namenode.rpc-address',
  'dfs.namenode.http-address',
  'dfs.namenode.name.dir',
  'dfs.datanode.address',
  'dfs.datanode.ipc.address',
  'dfs.datanode.http.address',
  'dfs.datanode.data.dir',
  'dfs.datanode.rack',
] as const;

/** A new cluster. @throws DfsError `InvalidConfiguration`. */
export function newLayout(request: LayoutRequest): ClusterLayout {
  const racks = request.racks ?? DEFAULT_RACKS;
  const basePort = request.basePort ?? null;
  const empty: ClusterLayout = {
    racks,
    basePort,
    namenode: namenodePorts(basePort),
    datanodes: [],
    settings: { ...SINGLE_MACHINE_SETTINGS, ...checkedSettings(request.settings) },
  };
  return withDatanodes(empty, request.datanodes ?? DEFAULT_DATANODES);
}

/**
 * A cluster that exists, as the user wants it from now on: more DataNodes, other ports, other settings.
 * @throws DfsError `InvalidConfiguration` for what cannot be changed.
 */
export function changedLayout(layout: ClusterLayout, request: LayoutRequest): ClusterLayout {
  const { datanodes = layout.datanodes.length, racks = layout.racks, basePort = layout.basePort } = request;
  if (racks !== layout.racks) {
    throw invalid(
      `This cluster has ${layout.racks} racks, which cannot be changed. Use another --dir for a cluster with ${racks}.`,
    );
  }
  if (datanodes < layout.datanodes.length) {
    throw invalid(
      `This cluster has ${layout.datanodes.length} DataNodes, with replicas on each. It cannot be started with fewer; ` +
        'start it as it is, and stop one with `dfs cluster stop-datanode`.',
    );
  }
  const moved: ClusterLayout = {
    racks,
    basePort,
    namenode: namenodePorts(basePort),
    datanodes: layout.datanodes.map((datanode) => ({ ...datanode, ...datanodePorts(datanode.index, basePort) })),
    settings: { ...layout.settings, ...checkedSettings(request.settings) },
  };
  return withDatanodes(moved, datanodes);
}

/** The layout with DataNodes added until there are `count`, on the racks in turn, or on `rack`. */
export function withDatanodes(layout: ClusterLayout, count: number, rack?: string): ClusterLayout {
  const datanodes = [...layout.datanodes];
  while (datanodes.length < count) {
    const index = datanodes.length + 1;
    datanodes.push({
      index,
      rack: rack ?? `/rack${((index - 1) % layout.racks) + 1}`,
      ...datanodePorts(index, layout.basePort),
    });
  }
  return { ...layout, datanodes };
}

function namenodePorts(basePort: number | null): NamenodeLayout {
  if (basePort === null) return { rpcPort: 8020, httpPort: 9870 };
  return checkedPorts({ rpcPort: basePort, httpPort: basePort + 1 }, basePort);
}

function datanodePorts(
  index: number,
  basePort: number | null,
): Pick<DatanodeLayout, 'dataPort' | 'rpcPort' | 'httpPort'> {
  const step = 10 * (index - 1);
  const ports =
    basePort === null
      ? { dataPort: 9866 + step, rpcPort: 9867 + step, httpPort: 9864 + step }
      : { dataPort: basePort + 10 + step, rpcPort: basePort + 11 + step, httpPort: basePort + 12 + step };
  return checkedPorts(ports, basePort);
}

function checkedPorts<Ports extends object>(ports: Ports, basePort: number | null): Ports {
  const highest = Math.max(...Object.values(ports).map(Number));
  if (highest <= MAX_PORT) return ports;
  const what = basePort === null ? 'So many DataNodes' : `So many DataNodes from --base-port ${basePort} on`;
  throw invalid(`${what} would need port ${highest}, and ${MAX_PORT} is the last one.`);
}

function checkedSettings(settings: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const own = OWN_SETTINGS.find((name) => Object.hasOwn(settings, name));
  if (own === undefined) return settings;
  throw invalid(
    `${own} cannot be given here: \`dfs cluster\` sets it for each process. See --dir, --base-port and --racks.`,
  );
}

function invalid(message: string): DfsError {
  return new DfsError('InvalidConfiguration', message);
}
