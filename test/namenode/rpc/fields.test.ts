import test from 'ava';
import { type CallerSettings, callOf } from '../../../namenode/rpc/callers.js';
import * as fields from '../../../namenode/rpc/fields.js';

const refused = (field: string) => ({
  name: 'InvalidArgument',
  message: new RegExp(`^${field.replaceAll('.', '\\.')} must`),
});

test('names of users and groups hold nothing that would garble a message or a table', (t) => {
  for (const name of ['alice', 'a.b-c_d', 'Ünal', 'HTTP/host@REALM', 'x'.repeat(255)])
    t.is(fields.userName('owner', name), name);
  for (const name of ['', 'a:b', 'a"b', 'a\nb', 'a\0', '\ud800', 'x'.repeat(256)]) {
    t.throws(() => fields.userName('owner', name), refused('owner'), JSON.stringify(name));
  }
  t.is(fields.optionalUserName('owner', ''), undefined);
});

test('short texts are short, and set where they must be', (t) => {
  t.is(fields.shortText('client_name', 'DFSClient_1:x'), 'DFSClient_1:x');
  t.is(fields.optionalShortText('client_host', ''), '');
  for (const text of ['', 'a\tb', 'x'.repeat(256)]) {
    t.throws(() => fields.shortText('client_name', text), refused('client_name'));
  }
});

test('numbers are integers that a double can hold', (t) => {
  t.is(fields.count('offset', 0), 0);
  t.is(fields.count('offset', Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
  for (const value of [-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY]) {
    t.throws(() => fields.count('offset', value), refused('offset'));
  }
  t.throws(() => fields.positive('additional', 0), refused('additional'));
});

test('a mode is permission bits with setuid, setgid and the sticky bit', (t) => {
  t.is(fields.mode('mode', 0o1777), 0o1777);
  t.is(fields.mode('mode', 0o7777), 0o7777);
  t.throws(() => fields.mode('mode', 0o10000), refused('mode'));
});

test('a block needs its id and its stamp', (t) => {
  const block = { blockId: 1, generationStamp: 2, numBytes: 0 };
  t.deepEqual(fields.block('previous', block), block);
  t.is(fields.optionalBlock('previous', null), undefined);
  t.throws(() => fields.block('previous', null), refused('previous'));
  t.throws(() => fields.block('previous', { ...block, blockId: 0 }), refused('previous.block_id'));
  t.throws(() => fields.block('previous', { ...block, generationStamp: 0 }), refused('previous.generation_stamp'));
  t.throws(() => fields.block('previous', { ...block, numBytes: -5 }), refused('previous.num_bytes'));
});

test('lists are bounded', (t) => {
  t.throws(() => fields.shortTexts('exclude', new Array(5000).fill('x')), refused('exclude'));
  t.throws(() => fields.shortTexts('exclude', ['x', '']), refused('exclude'));
  t.throws(
    () => fields.targets('locations', [{ datanode: null, rack: '', storageId: 's' }]),
    refused('locations.datanode.uuid'),
  );
});

const settings: CallerSettings = {
  superuser: 'hdfs',
  supergroup: 'admins',
  permissionsEnabled: true,
  groups: () =>
    new Map([
      ['alice', ['users']],
      ['carol', ['admins']],
    ]),
};
const noId = { clientId: Buffer.alloc(0), callId: 0 };

test('the caller is who the header says, in the groups the NameNode knows', (t) => {
  t.deepEqual(callOf(settings, null), { user: 'nobody', groups: [], superuser: false, id: undefined });
  t.deepEqual(callOf(settings, { user: 'alice', ...noId }), {
    user: 'alice',
    groups: ['users'],
    superuser: false,
    id: undefined,
  });
  t.true(callOf(settings, { user: 'hdfs', ...noId }).superuser);
  t.true(callOf(settings, { user: 'carol', ...noId }).superuser);
  t.true(callOf({ ...settings, permissionsEnabled: false }, { user: 'alice', ...noId }).superuser);
  t.throws(() => callOf(settings, { user: 'a:b', ...noId }), refused('header.user'));
});

test('a client has an id of 16 bytes or none', (t) => {
  const id = callOf(settings, { user: 'alice', clientId: Buffer.alloc(16, 1), callId: 7 }).id;
  t.deepEqual(id, { clientId: 'AQEBAQEBAQEBAQEBAQEBAQ==', callId: 7 });
  t.throws(() => callOf(settings, { user: 'alice', clientId: Buffer.alloc(15), callId: 7 }), {
    name: 'InvalidArgument',
    message: /client_id/,
  });
});
