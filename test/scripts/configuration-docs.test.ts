import { readFileSync } from 'node:fs';
import test from 'ava';
import { CONFIGURATION_DOCS, configurationDocs } from '../../scripts/configuration-docs.js';

test('docs/CONFIGURATION.md is what the registry says (else: npm run docs)', (t) => {
  t.true(readFileSync(CONFIGURATION_DOCS, 'utf8') === configurationDocs());
});
