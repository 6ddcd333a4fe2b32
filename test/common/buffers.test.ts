import test from 'ava';
import fc from 'fast-check';
import { totalLength, withoutFirst } from '../../common/buffers.js';
import { cut, cuts } from '../support/scripted-channel.js';

test('leaving out the first bytes leaves the others, wherever they are cut', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), cuts, fc.nat(50), (bytes, places, wanted) => {
      const whole = Buffer.from(bytes);
      const length = Math.min(wanted, whole.length);
      const rest = withoutFirst(cut(whole, places), length);
      t.deepEqual(Buffer.concat(rest), whole.subarray(length));
      t.not(rest[0]?.length, 0, 'nothing empty at the front');
      t.is(totalLength(rest), whole.length - length);
    }),
  );
});
