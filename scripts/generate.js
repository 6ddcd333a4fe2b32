/** `npm run generate`: writes TypeScript types of the messages in proto/ to proto/generated/. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fingerprint, storedFingerprint } from './fingerprint.js';
import { ensureInstalled, fail, ROOT } from './requirements.js';
import { runTool } from './steps.js';

const STAMP = 'proto/generated/.made-from';

/** The options must agree with those of common/rpc/definitions.ts, which loads the messages at run time. */
const OPTIONS = [
  '--longs=Number',
  '--enums=String',
  '--defaults',
  '--oneofs',
  '--grpcLib=@grpc/grpc-js',
  '--importFileExtension=.js',
  '--outDir=proto/generated',
  '-I',
  'proto',
  '--',
];

/** Does nothing when the types are up to date. */
export function ensureGenerated() {
  const protoFiles = readdirSync(join(ROOT, 'proto')).filter((name) => name.endsWith('.proto'));
  const current = fingerprint([
    'package-lock.json',
    'scripts/generate.js',
    ...protoFiles.map((name) => `proto/${name}`),
  ]);
  if (storedFingerprint(STAMP) === current) return;
  rmSync(join(ROOT, 'proto/generated'), { recursive: true, force: true });
  const generator = '@grpc/proto-loader/build/bin/proto-loader-gen-types.js';
  if (!runTool(generator, [...OPTIONS, ...protoFiles]))
    fail('The types of the messages in proto/ could not be generated.');
  writeFileSync(join(ROOT, STAMP), current);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  ensureInstalled();
  ensureGenerated();
}
