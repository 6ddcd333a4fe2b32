/** `npm run generate`: writes TypeScript types of the messages in proto/ to proto/generated/, and the messages themselves as one JSON file. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fingerprint, storedFingerprint } from './fingerprint.js';
import { replaceDirectory } from './replace-directory.js';
import { ensureInstalled, fail, ROOT } from './requirements.js';
import { runTool } from './run-tool.js';

const STAMP = '.made-from';

/** What common/rpc/call-definitions.ts reads, so that a short command need not parse .proto files. */
export const MESSAGES = 'messages.json';

/** The options must agree with those of common/rpc/definitions.ts, which loads the messages at run time. */
const OPTIONS = [
  '--longs=Number',
  '--enums=String',
  '--defaults',
  '--oneofs',
  '--grpcLib=@grpc/grpc-js',
  '--importFileExtension=.js',
  '-I',
  'proto',
];

/** Does nothing when the types are up to date. */
export function ensureGenerated() {
  const protoFiles = readdirSync(join(ROOT, 'proto')).filter((name) => name.endsWith('.proto'));
  const sources = protoFiles.map((name) => `proto/${name}`);
  const current = fingerprint(['package-lock.json', 'scripts/generate.js', ...sources]);
  if (storedFingerprint(`proto/generated/${STAMP}`) === current) return;
  // Messages of files without a service are made along with the services that use them.
  const services = protoFiles.filter((name) => /^service /m.test(readFileSync(join(ROOT, 'proto', name), 'utf8')));
  replaceDirectory('proto/generated', (directory) => {
    const generator = '@grpc/proto-loader/build/bin/proto-loader-gen-types.js';
    const made = runTool(generator, [...OPTIONS, `--outDir=${directory}`, '--', ...services]);
    if (!made) fail('The types of the messages in proto/ could not be generated.');
    writeFileSync(join(ROOT, directory, MESSAGES), JSON.stringify(parsed(services)));
    writeFileSync(join(ROOT, directory, STAMP), current);
  });
}

/**
 * The services with all messages they use, in protobufjs's own notation.
 * @param {string[]} services files in proto/
 */
function parsed(services) {
  // Not at the beginning: on a fresh clone nothing is installed yet.
  const { Root } = createRequire(import.meta.url)('protobufjs');
  const root = new Root();
  root.resolvePath = (/** @type {string} */ _, /** @type {string} */ name) => join(ROOT, 'proto', name);
  return root.loadSync(services).toJSON();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  ensureInstalled();
  ensureGenerated();
}
