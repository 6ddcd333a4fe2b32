/** How sizes, times and permissions are written for people: as HDFS's shell writes them, so that scripts which read them still work. */
import { humanSize } from '../../common/units.js';

/** `1234 (1.21 KB)`, as `dfs report` writes sizes. */
export function sizeWithUnits(bytes: number): string {
  return `${bytes} (${humanSize(bytes, 'B', 2)})`;
}

/** `part` of `whole` in percent, `12.34%`; 0 of nothing is 0. */
export function percent(part: number, whole: number, decimals: number): string {
  return `${(whole === 0 ? 0 : (100 * part) / whole).toFixed(decimals)}%`;
}

/** `rwxr-xr-x`; the sticky bit shows as `t` (`T` when others may not execute). */
export function permissionText(mode: number): string {
  let text = '';
  for (let shift = 6; shift >= 0; shift -= 3) {
    const bits = (mode >> shift) & 7;
    text += (bits & 4 ? 'r' : '-') + (bits & 2 ? 'w' : '-') + (bits & 1 ? 'x' : '-');
  }
  if ((mode & 0o1000) === 0) return text;
  return text.slice(0, -1) + (mode & 1 ? 't' : 'T');
}

/** Octal, four digits when the sticky bit is set and three otherwise: `755`, `1777`. */
export function octalMode(mode: number): string {
  return (mode & 0o1777).toString(8).padStart(3, '0');
}

const two = (value: number): string => String(value).padStart(2, '0');

/** `2026-01-02 03:04` in the time zone of this machine. */
export function localMinute(timeMs: number): string {
  const date = new Date(timeMs);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** `2026-01-02 03:04:05` in UTC. */
export function utcSecond(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 19).replace('T', ' ');
}
