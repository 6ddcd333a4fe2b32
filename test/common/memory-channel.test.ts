import test from 'ava';
import { channelPair } from '../../common/memory-channel.js';
import { testChannel } from '../support/channel-conformance.js';

testChannel(test, async (_t, clock) => channelPair({ clock }));

test('each side is known to the other by the name it was given', (t) => {
  const [a, b] = channelPair({ names: ['receiver', 'client'] });
  t.is(a.peer, 'client');
  t.is(b.peer, 'receiver');
});
