import test from 'ava';
import { DatanodeDescriptor, StorageDescriptor } from '../../namenode/datanode-descriptor.js';
import { FullReportRequests } from '../../namenode/full-report-requests.js';
import { compareDigest } from '../../namenode/storage-report.js';

const node = new DatanodeDescriptor('dn', { host: 'h', dataPort: 1, rpcPort: 2, httpPort: 3, rack: '/a' }, 0);
let lastId = 0;

function storage(trust: StorageDescriptor['trust']): StorageDescriptor {
  const made = new StorageDescriptor(++lastId, `ds-${lastId}`, node);
  made.trust = trust;
  return made;
}

test('a storage that has shown nothing yet is asked at once, and not again while its report is coming', (t) => {
  const requests = new FullReportRequests();
  const fresh = storage('unknown');
  t.true(requests.shouldAsk(fresh, 'different', 0));
  t.false(requests.shouldAsk(fresh, 'different', 3_000));
  requests.partArrived(fresh, 50_000);
  t.false(requests.shouldAsk(fresh, 'untold', 100_000));
  t.true(requests.shouldAsk(fresh, 'untold', 110_000), 'nothing has come for a minute');
});

test('one mismatch may be a crossing; two in a row are asked about', (t) => {
  const requests = new FullReportRequests();
  const sure = storage('verified');
  t.false(requests.shouldAsk(sure, 'different', 0));
  t.is(sure.trust, 'reported', 'but nothing is deleted on its word from now on');
  t.false(requests.shouldAsk(sure, 'equal', 3_000));
  t.is(sure.trust, 'verified');
  t.false(requests.shouldAsk(sure, 'different', 6_000));
  t.false(requests.shouldAsk(sure, 'untold', 9_000));
  t.true(requests.shouldAsk(sure, 'different', 12_000));
});

test('after a report a storage is not asked again for half a minute, whatever its digest says', (t) => {
  const requests = new FullReportRequests();
  const odd = storage('unknown');
  t.true(requests.shouldAsk(odd, 'different', 0));
  requests.completed(odd, 1_000);
  t.is(odd.trust, 'reported');
  for (const nowMs of [3_000, 6_000, 30_000]) t.false(requests.shouldAsk(odd, 'different', nowMs));
  t.true(requests.shouldAsk(odd, 'different', 31_000));
});

test('only a few reports are asked for at a time', (t) => {
  const requests = new FullReportRequests();
  const storages = Array.from({ length: 10 }, () => storage('unknown'));
  const asked = () => storages.filter((each) => requests.shouldAsk(each, 'different', 0));
  const first = asked();
  t.is(first.length, 6);
  requests.completed(first[0] as StorageDescriptor, 0);
  t.is(asked().length, 1);
});

test('a failed storage is asked nothing', (t) => {
  const failed = storage('unknown');
  failed.failed = true;
  t.false(new FullReportRequests().shouldAsk(failed, 'different', 0));
});

test('digests are equal with the same number and the same bytes', (t) => {
  const row = { replicas: 2, digest: Buffer.from('12345678') };
  t.is(compareDigest(row, { replicas: 2, digest: Buffer.from('12345678') }), 'equal');
  t.is(compareDigest(row, { replicas: 3, digest: Buffer.from('12345678') }), 'different');
  t.is(compareDigest(row, { replicas: 2, digest: Buffer.from('12345679') }), 'different');
  t.is(compareDigest(row, { replicas: 2, digest: new Uint8Array() }), 'untold');
});
