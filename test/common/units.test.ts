import test from 'ava';
import fc from 'fast-check';
import { formatDuration, formatSize, parseDurationMs, parseSize } from '../../common/units.js';

test('sizes are read with units of 1024, in any spelling', (t) => {
  const cases: readonly [string, number][] = [
    ['0', 0],
    ['134217728', 134_217_728],
    ['64k', 65_536],
    ['128m', 134_217_728],
    ['128 M', 134_217_728],
    ['1G', 1_073_741_824],
    ['1.5g', 1_610_612_736],
    ['512KiB', 524_288],
    ['2 TB', 2_199_023_255_552],
    ['1p', 1_125_899_906_842_624],
    [' 7b ', 7],
  ];
  for (const [text, bytes] of cases) t.is(parseSize(text), bytes, text);
});

test('what is no size is refused', (t) => {
  for (const text of ['', '-1', 'm', '1x', '1.3', '1e3', '0x10', '64 m m', '9p9', '99999999p', '١']) {
    t.is(parseSize(text), undefined, text);
  }
});

test('durations are read in milliseconds; a plain number counts in the given unit', (t) => {
  t.is(parseDurationMs('3', 's'), 3000);
  t.is(parseDurationMs('3', 'ms'), 3);
  t.is(parseDurationMs('504', 'h'), 504 * 3_600_000);
  t.is(parseDurationMs('500ms', 's'), 500);
  t.is(parseDurationMs('5m', 'ms'), 300_000);
  t.is(parseDurationMs('5 min', 'ms'), 300_000);
  t.is(parseDurationMs('1.5h', 's'), 5_400_000);
  t.is(parseDurationMs('1D', 's'), 86_400_000);
});

test('what is no duration is refused', (t) => {
  for (const text of ['', '-1s', 's', '1w', '1h30m', '∞', '99999999999d'])
    t.is(parseDurationMs(text, 's'), undefined, text);
});

test('sizes are printed as HDFS prints them', (t) => {
  t.is(formatSize(0), '0');
  t.is(formatSize(1023), '1023');
  t.is(formatSize(1024), '1 K');
  t.is(formatSize(1536), '1.5 K');
  t.is(formatSize(134_217_728), '128 M');
  t.is(formatSize(1_000_000_000), '953.7 M');
  t.is(formatSize(1024 ** 6), '1024 P');
});

test('a printed duration reads back as itself', (t) => {
  t.is(formatDuration(630_000), '10.5m');
  t.is(formatDuration(0), '0ms');
  fc.assert(fc.property(fc.nat(), (ms) => parseDurationMs(formatDuration(ms), 'ms') === ms));
  fc.assert(
    fc.property(
      fc.nat(10_000),
      (tenths) => parseDurationMs(formatDuration(tenths * 360_000), 'ms') === tenths * 360_000,
    ),
  );
});

test('a printed size reads back within the precision of one decimal', (t) => {
  fc.assert(
    fc.property(fc.nat(), (bytes) => {
      const units = { K: 1024, M: 1024 ** 2, G: 1024 ** 3 } as const;
      const [number, unit] = formatSize(bytes).split(' ');
      const factor = unit === undefined ? 1 : units[unit as keyof typeof units];
      return Math.abs(Number(number) * factor - bytes) <= factor * 0.0501;
    }),
  );
  t.pass();
});
