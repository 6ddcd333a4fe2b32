import test from 'ava';
import fc from 'fast-check';
import { type Crc32c, crc32c, loadNativeCrc32c, portableCrc32c } from '../../common/crc32c.js';

const implementations: [string, Crc32c][] = [
  ['the portable implementation', portableCrc32c],
  ['the implementation in use', crc32c],
];

for (const [name, implementation] of implementations) {
  test(`${name} gives the published values`, (t) => {
    t.is(implementation(Buffer.from('123456789')), 0xe3069283);
    t.is(implementation(Buffer.alloc(32, 0x00)), 0x8a9136aa);
    t.is(implementation(Buffer.alloc(32, 0xff)), 0x62a8ab43);
    t.is(implementation(Buffer.from(Array.from({ length: 32 }, (_, i) => i))), 0x46dd794e);
    t.is(implementation(Buffer.alloc(0)), 0);
  });

  test(`${name} can be continued at any place`, (t) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.nat(500), (bytes, place) => {
        const at = Math.min(place, bytes.length);
        t.is(implementation(bytes.subarray(at), implementation(bytes.subarray(0, at))), implementation(bytes));
      }),
    );
  });
}

const nativeCrc32c = loadNativeCrc32c();
const hasNative = nativeCrc32c === undefined ? test.skip : test;

hasNative('native and portable give the same for any bytes, continued from any value', (t) => {
  const native = nativeCrc32c as Crc32c;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), fc.nat(0xffffffff), (bytes, previous) => {
      t.is(native(bytes, previous), portableCrc32c(bytes, previous));
    }),
  );
});
