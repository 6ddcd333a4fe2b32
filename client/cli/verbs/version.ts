import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../cluster/package-root.js';
import { defineVerb } from '../verb.js';

export const verb = defineVerb({
  define(command) {
    command.description('Print the version.');
  },
  async run(session) {
    const { version } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as { version: string };
    await session.out.line(`Mini-HDFS ${version}`);
  },
});
