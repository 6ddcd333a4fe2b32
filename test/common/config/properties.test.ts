import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { PROPERTIES } from '../../../common/config/properties.js';

const REGISTRY = join('common', 'config', 'properties.ts');

function sources(): string {
  const files = ['client', 'common', 'datanode', 'namenode'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  );
  const code = files.filter((path) => path.endsWith('.ts') && path !== REGISTRY);
  return code.map((path) => readFileSync(path, 'utf8')).join('\n');
}

test('every setting that is taken is read somewhere', (t) => {
  const code = sources();
  t.deepEqual(
    Object.keys(PROPERTIES).filter((name) => !code.includes(`'${name}'`)),
    [],
  );
});
