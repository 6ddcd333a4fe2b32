import test from 'ava';
import { cancellation } from '../../common/cancellation.js';
import { DfsError } from '../../common/errors.js';

test('an abort is an error that names the work; a reason that is an error of ours stays what it is', (t) => {
  const plain = cancellation(AbortSignal.abort(), 'reading blk_1_2');
  t.is(plain.name, 'Cancelled');
  t.is(plain.message, 'reading blk_1_2 was cancelled');
  const reason = new DfsError('Timeout', 'too late');
  t.is(cancellation(AbortSignal.abort(reason), 'reading'), reason);
});
