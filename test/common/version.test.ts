import { readFileSync } from 'node:fs';
import test from 'ava';
import { VERSION } from '../../common/version.js';

test('the version is that of the package', (t) => {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  t.is(VERSION, (JSON.parse(text) as { version: string }).version);
});
