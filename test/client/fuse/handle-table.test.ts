import test from 'ava';
import { HandleTable } from '../../../client/fuse/handle-table.js';
import { isDfsError } from '../../../common/errors.js';

test('numbers begin anew after the greatest one, and pass over those in use', (t) => {
  const handles = new HandleTable<string>(3);
  t.deepEqual([handles.add('a'), handles.add('b'), handles.add('c')], [1, 2, 3]);
  t.is(handles.remove(2), 'b');
  t.is(handles.add('d'), 2);
  t.deepEqual([handles.at(1), handles.at(2), handles.at(3)], ['a', 'd', 'c']);
});

test('a handle that is not open is refused, and can be removed twice', (t) => {
  const handles = new HandleTable<string>();
  const handle = handles.add('a');
  t.is(handles.remove(handle), 'a');
  t.is(handles.remove(handle), undefined);
  const error = t.throws(() => handles.at(handle));
  t.true(isDfsError(error, 'InvalidArgument'));
  t.deepEqual(handles.all(), []);
});
