/** Names of the segment files: the first and the last transaction they hold, or only the first while the segment is being written. */

const DIGITS = 19; // HDFS's width, so that names sort as numbers
const CLOSED = /^edits_(\d{19})-(\d{19})$/;
const IN_PROGRESS = /^edits_inprogress_(\d{19})$/;

export interface SegmentName {
  readonly firstTxid: number;
  /** Undefined while the segment is being written. */
  readonly lastTxid: number | undefined;
}

const padded = (txid: number) => String(txid).padStart(DIGITS, '0');

export const inProgressName = (firstTxid: number) => `edits_inprogress_${padded(firstTxid)}`;

export const closedName = (firstTxid: number, lastTxid: number) => `edits_${padded(firstTxid)}-${padded(lastTxid)}`;

export const segmentFileName = ({ firstTxid, lastTxid }: SegmentName): string =>
  lastTxid === undefined ? inProgressName(firstTxid) : closedName(firstTxid, lastTxid);

/** Undefined when `name` is not that of a segment. */
export function parseSegmentName(name: string): SegmentName | undefined {
  const closed = CLOSED.exec(name);
  if (closed !== null) return { firstTxid: Number(closed[1]), lastTxid: Number(closed[2]) };
  const inProgress = IN_PROGRESS.exec(name);
  return inProgress === null ? undefined : { firstTxid: Number(inProgress[1]), lastTxid: undefined };
}
