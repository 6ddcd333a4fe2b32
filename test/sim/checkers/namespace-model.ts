/** The namespace is what the clients were told that they made of it. */
import type { Checker } from './checker.js';

export const namespaceModel: Checker = {
  name: 'namespace',
  async check({ world, workplace }, fs) {
    for (const [root, model] of workplace.directories) {
      for (const [path, directory] of model.directories(root)) {
        const names: string[] = [];
        for await (const { name } of fs.list(path)) names.push(name);
        const fault = directory.faultIn(names);
        if (fault !== undefined) world.violation(`${path}: ${fault}`);
        const sorted = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        if (names.join() !== sorted.join()) world.violation(`${path} is not listed in order: ${names.join(' ')}`);
      }
    }
  },
};
