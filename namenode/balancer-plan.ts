/** Which DataNodes give data to which others, so that all are about equally full. Pure functions; the rules are those of HDFS's balancer. */

export interface Utilization {
  readonly uuid: string;
  readonly rack: string;
  readonly usedBytes: number;
  readonly capacityBytes: number;
  readonly remainingBytes: number;
}

export interface Pair {
  readonly source: string;
  readonly target: string;
  /** What is to be moved from one to the other. */
  readonly bytes: number;
}

export interface BalancePlan {
  readonly pairs: readonly Pair[];
  /** What has to be moved until every DataNode is within the threshold; 0: balanced. */
  readonly bytesLeft: number;
}

/** What a DataNode gives (positive) or takes in one iteration. */
interface Share extends Utilization {
  bytes: number;
}

/**
 * A DataNode is over-utilized when it is fuller, in percent of its capacity, than all together by more than the threshold; under-utilized when
 * emptier. Those give and take first; what is left over goes to, or comes from, others on the right side of the average. Within a rack first.
 */
export function planBalance(
  nodes: readonly Utilization[],
  thresholdPercent: number,
  bytesPerNodeMax: number,
): BalancePlan {
  const capacity = nodes.reduce((sum, { capacityBytes }) => sum + capacityBytes, 0);
  if (capacity === 0) return { pairs: [], bytesLeft: 0 };
  const average = (100 * nodes.reduce((sum, { usedBytes }) => sum + usedBytes, 0)) / capacity;
  const over: Share[] = [];
  const above: Share[] = [];
  const below: Share[] = [];
  const under: Share[] = [];
  let overloadedBytes = 0;
  let underloadedBytes = 0;
  for (const node of nodes.filter(({ capacityBytes }) => capacityBytes > 0)) {
    const difference = (100 * node.usedBytes) / node.capacityBytes - average;
    const beyond = Math.abs(difference) - thresholdPercent;
    const share = { ...node, bytes: shareOf(node, difference, thresholdPercent, bytesPerNodeMax) };
    const bytesBeyond = (beyond * node.capacityBytes) / 100;
    if (difference > 0) {
      (beyond > 0 ? over : above).push(share);
      if (beyond > 0) overloadedBytes += bytesBeyond;
    } else {
      (beyond > 0 ? under : below).push(share);
      if (beyond > 0) underloadedBytes += bytesBeyond;
    }
  }
  const bytesLeft = Math.ceil(Math.max(overloadedBytes, underloadedBytes));
  return { pairs: [...match(over, under), ...match(over, below), ...match(above, under)], bytesLeft };
}

/** HDFS: no more than would bring it to the average, or by one threshold nearer, in one iteration. */
function shareOf(node: Utilization, difference: number, thresholdPercent: number, bytesMax: number): number {
  const bytes = (Math.min(thresholdPercent, Math.abs(difference)) * node.capacityBytes) / 100;
  return Math.floor(Math.min(bytesMax, difference < 0 ? Math.min(bytes, node.remainingBytes) : bytes));
}

function match(sources: readonly Share[], targets: readonly Share[]): Pair[] {
  const pairs: Pair[] = [];
  for (const sameRack of [true, false]) {
    for (const source of sources) {
      for (const target of targets) {
        const bytes = Math.min(source.bytes, target.bytes);
        if (bytes <= 0 || (source.rack === target.rack) !== sameRack) continue;
        source.bytes -= bytes;
        target.bytes -= bytes;
        pairs.push({ source: source.uuid, target: target.uuid, bytes });
      }
    }
  }
  return pairs;
}
