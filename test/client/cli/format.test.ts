import test from 'ava';
import { octalMode, percent, permissionText, sizeWithUnits, utcSecond } from '../../../client/cli/format.js';
import { humanSize } from '../../../common/units.js';

test('sizes below 1,024 bytes have no prefix', (t) => {
  t.is(humanSize(0), '0');
  t.is(humanSize(1023), '1023');
  t.is(humanSize(1023, 'B', 2), '1023 B');
});

test('exact multiples have no decimals, others have one', (t) => {
  t.is(humanSize(1024), '1 K');
  t.is(humanSize(128 * 1024 ** 2), '128 M');
  t.is(humanSize(1536), '1.5 K');
  t.is(humanSize(1030), '1.0 K');
  t.is(humanSize(1024 ** 5), '1 P');
});

test('what rounds up to 1,024 takes the next prefix', (t) => {
  t.is(humanSize(1024 ** 2 - 1), '1.0 M');
});

test('reports show bytes and a prefix with two decimals', (t) => {
  t.is(sizeWithUnits(1234), '1234 (1.21 KB)');
  t.is(sizeWithUnits(0), '0 (0 B)');
});

test('a share of nothing is nothing', (t) => {
  t.is(percent(0, 0, 2), '0.00%');
  t.is(percent(1, 8, 1), '12.5%');
});

test('permissions show as letters, the sticky bit in the last place', (t) => {
  t.is(permissionText(0o755), 'rwxr-xr-x');
  t.is(permissionText(0o640), 'rw-r-----');
  t.is(permissionText(0o1777), 'rwxrwxrwt');
  t.is(permissionText(0o1776), 'rwxrwxrwT');
});

test('octal permissions have three digits, four with the sticky bit', (t) => {
  t.is(octalMode(0o44), '044');
  t.is(octalMode(0o1755), '1755');
});

test('times in UTC have seconds', (t) => {
  t.is(utcSecond(Date.UTC(2026, 0, 2, 3, 4, 5, 999)), '2026-01-02 03:04:05');
});
