/** How an operation of the data plane, or a packet, fared: the numbers of `Status` in data_transfer.proto. */
export const Status = {
  SUCCESS: 0,
  ERROR: 1,
  ERROR_CHECKSUM: 2,
  ERROR_INVALID: 3,
  ERROR_EXISTS: 4,
  ERROR_ACCESS_TOKEN: 5,
  CHECKSUM_OK: 6,
  ERROR_UNSUPPORTED: 7,
  OOB_RESTART: 8,
  IN_PROGRESS: 12,
} as const;

export type Status = (typeof Status)[keyof typeof Status];

const NAMES = new Map<number, string>(Object.entries(Status).map(([name, number]) => [number, name]));

export function isStatus(number: number): number is Status {
  return NAMES.has(number);
}

/** `ERROR_CHECKSUM`, for messages. */
export function statusName(status: Status): string {
  return NAMES.get(status) ?? String(status);
}
