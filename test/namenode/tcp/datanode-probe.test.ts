import test from 'ava';
import type { Channel, Network } from '../../../common/channel.js';
import { DfsError } from '../../../common/errors.js';
import { probeDatanode } from '../../../namenode/tcp/datanode-probe.js';

const ADDRESS = { host: 'h', dataPort: 1, rpcPort: 2, httpPort: 3, rack: '/a' };

/** Answers at these ports; says how often a connection was closed. */
function networkWith(ports: readonly number[]) {
  let closed = 0;
  const network: Network = {
    async connect(host, port) {
      if (!ports.includes(port)) throw new DfsError('ConnectionLost', `nobody at ${host}:${port}`);
      return { destroy: () => closed++ } as unknown as Channel;
    },
    listen: () => Promise.reject(new Error('not needed')),
  };
  return { network, closed: () => closed };
}

test('a DataNode is reachable when one of its ports answers; the connection is closed', async (t) => {
  for (const ports of [[1], [2], [1, 2]]) {
    const { network, closed } = networkWith(ports);
    t.true(await probeDatanode(network, ADDRESS, 1_000));
    t.is(closed(), ports.length);
  }
});

test('a DataNode is not reachable when none does', async (t) => {
  t.false(await probeDatanode(networkWith([3]).network, ADDRESS, 1_000));
});
