import test from 'ava';
import { DfsError } from '../../common/errors.js';
import { createLogger } from '../../common/logging.js';

function record(level?: string) {
  const lines: string[] = [];
  const destination = { write: (line: string) => lines.push(line) };
  return { lines, logger: createLogger({ name: 'namenode', destination, ...(level === undefined ? {} : { level }) }) };
}

test('a line is one JSON object with time, level, name, pid and message', (t) => {
  const { lines, logger } = record();
  logger.info({ blockId: 7 }, 'block allocated\nand more');
  t.is(lines.length, 1);
  t.regex(lines[0] ?? '', /^\{.*\}\n$/);
  const line: Record<string, unknown> = JSON.parse(lines[0] ?? '');
  t.like(line, { level: 'info', name: 'namenode', pid: process.pid, blockId: 7, msg: 'block allocated\nand more' });
  t.false(Number.isNaN(Date.parse(String(line['time']))));
});

test('an error is logged with its stack and cause', (t) => {
  const { lines, logger } = record();
  logger.error(
    { err: new DfsError('NoSpace', 'the disk is full', { cause: new Error('ENOSPC: write') }) },
    'cannot sync',
  );
  t.regex(lines[0] ?? '', /the disk is full.*ENOSPC: write/);
});

test('lines below the level are left out', (t) => {
  const { lines, logger } = record('warn');
  logger.info('too little');
  logger.warn('enough');
  t.is(lines.length, 1);
});
