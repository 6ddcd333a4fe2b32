import test from 'ava';
import { Status } from '../../common/data-transfer.js';
import { CLUSTER, startNodes, TestConnection, writeThrough } from './support/pipeline-fixture.js';
import { contentOf } from './support/store-fixture.js';

const BLOCK = { blockId: 7, generationStamp: 1001, numBytes: 0 };

test('who asks from another machine is not told where a replica lies', async (t) => {
  const { network, nodes } = await startNodes(t, 1);
  await writeThrough(network, nodes, BLOCK, contentOf(7, 10_000));
  const connection = await TestConnection.to(network, 'dn1:9866');
  const answer = await connection.ask({ op: 'blockLocalPath', block: { ...BLOCK, poolId: CLUSTER } });
  t.is(answer.status, Status.ERROR);
  t.regex(answer.message ?? '', /another machine/);
  t.is(answer.localPath, undefined);
});
