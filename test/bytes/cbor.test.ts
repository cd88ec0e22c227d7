import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Cbor, decode, decodePrefix, encode } from '../../agent/bytes/cbor.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

const cbor = suite('bytes/cbor');

// RFC 8949, appendix A, and the edges of every length
const ROWS: readonly [string, Cbor][] = [
  ['00', 0],
  ['17', 23],
  ['1818', 24],
  ['18ff', 255],
  ['190100', 256],
  ['1903e8', 1000],
  ['19ffff', 65535],
  ['1a00010000', 65536],
  ['1a000f4240', 1000000],
  ['1affffffff', 2 ** 32 - 1],
  ['1b0000000100000000', 2 ** 32],
  ['1b000000e8d4a51000', 1000000000000],
  ['1b001fffffffffffff', 2 ** 53 - 1],
  ['20', -1],
  ['29', -10],
  ['3863', -100],
  ['3903e7', -1000],
  ['3a7fffffff', -(2 ** 31)],
  ['3a80000000', -(2 ** 31) - 1],
  ['3affffffff', -(2 ** 32)],
  ['3b0000000100000000', -(2 ** 32) - 1],
  ['3b001ffffffffffffe', -(2 ** 53) + 1],
  ['f4', false],
  ['f5', true],
  ['f6', null],
  ['40', new Uint8Array()],
  ['4401020304', Uint8Array.of(1, 2, 3, 4)],
  ['60', ''],
  ['6449455446', 'IETF'],
  ['62c3bc', 'ü'],
  ['64f0908591', '\u{10151}'],
  ['63efbbbf', '\ufeff'],
  ['80', []],
  ['8301820203820405', [1, [2, 3], [4, 5]]],
  ['a0', new Map()],
  ['a201020304', new Map([1, 3].map((key) => [key, key + 1]))],
];

for (const [encoded, value] of ROWS) {
  cbor(`${encoded} both ways`, () => {
    assert.is(hex(encode(value)), encoded);
    assert.equal(decode(bytes(encoded)), value);
  });
}

cbor('map keys are sorted by their bytes, whatever order they were put in', () => {
  const map = new Map<number | string, Cbor>([
    ['aa', 6],
    ['z', 5],
    [-1, 4],
    [100, 3],
    [24, 2],
    [10, 1],
  ]);
  assert.is(hex(encode(map)), 'a60a011818021864032004617a0562616106');
  assert.equal(decode(encode(map)), map);
});

const REFUSED: readonly [string, string][] = [
  ['nothing', ''],
  ['a long zero', '1800'],
  ['a long 23', '1817'],
  ['a long 255', '1900ff'],
  ['a long 65535', '1a0000ffff'],
  ['a long 32 bits', '1b00000000ffffffff'],
  ['2^53', '1b0020000000000000'],
  ['-2^53', '3b001fffffffffffff'],
  ['a long length', '580101'],
  ['an indefinite byte string', '5f4101ff'],
  ['an indefinite text', '7f6161ff'],
  ['an indefinite array', '9f01ff'],
  ['an indefinite map', 'bf0101ff'],
  ['a break', 'ff'],
  ['half a float', 'f93c00'],
  ['a float', 'fa47c35000'],
  ['a double', 'fb3ff199999999999a'],
  ['undefined', 'f7'],
  ['a simple value', 'f0'],
  ['a long simple value', 'f820'],
  ['false, written long', 'f814'],
  ['a tag', 'c11a514b67b0'],
  ['a tagged big number', 'c249010000000000000000'],
  ['COSE_Sign1, tagged', 'd28443a10126a04040'],
  ['a duplicate key', 'a201010102'],
  ['keys out of order', 'a202010101'],
  ['a negative key before a positive one', 'a220010101'],
  ['a map as key', 'a1a00101'],
  ['a byte string as key', 'a1410101'],
  ['a boolean as key', 'a1f501'],
  ['text that is not UTF-8', '62c328'],
  ['text with a surrogate', '63eda080'],
  ['text in more bytes than needed', '62c081'],
  ['reserved 28', '1c'],
  ['an array longer than the input', '9affffffff01'],
  ['a map longer than the input', 'baffffffff0101'],
  ['a byte string longer than the input', '5affffffff01'],
  ['a length of 2^53', '5b0020000000000000'],
  ['something after it', '0000'],
];

for (const [what, encoded] of REFUSED) {
  cbor(`refused: ${what}`, () => assert.is(decode(bytes(encoded)), undefined));
}

cbor('eight levels and no more', () => {
  assert.ok(decode(bytes('8181818181818100')) !== undefined);
  assert.is(decode(bytes('818181818181818100')), undefined);
  assert.is(decode(new Uint8Array(100_000).fill(0x81)), undefined);
  let deep: Cbor = 0;
  for (let i = 0; i < 8; i++) deep = [deep];
  assert.throws(() => encode(deep), /nests deeper/);
});

cbor('zeros may follow where padding is allowed, and where the item ends is told', () => {
  const padded = bytes('820102000000');
  assert.equal(decode(padded, { padding: true }), [1, 2]);
  assert.is(decode(padded), undefined);
  assert.is(decode(bytes('8201020001'), { padding: true }), undefined);
  assert.equal(decodePrefix(bytes('820102ff')), { value: [1, 2], length: 3 });
});

cbor('what has no place is refused when written', () => {
  for (const value of [1.5, Number.NaN, 2 ** 53, undefined, 1n, { a: 1 }, '\ud800']) {
    assert.throws(() => encode(value as Cbor), /"value"/);
  }
});

cbor('what is read shares no memory with the input, and is no Buffer', () => {
  const input = Buffer.from('4401020304', 'hex');
  const read = decode(input) as Uint8Array;
  input.fill(0);
  assert.equal(read, Uint8Array.of(1, 2, 3, 4));
  assert.is(Object.getPrototypeOf(read), Uint8Array.prototype);
});

const key = fc.oneof(fc.maxSafeInteger(), fc.string({ unit: 'binary', maxLength: 80 }));
const { tree } = fc.letrec<{ tree: Cbor }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5 },
    fc.maxSafeInteger(),
    fc.string({ unit: 'binary', maxLength: 80 }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('tree'), { maxLength: 5 }),
    fc.array(fc.tuple(key, tie('tree')), { maxLength: 5 }).map((pairs) => new Map(pairs)),
  ),
}));

cbor('every value comes back, and every cut of it is refused', () => {
  fc.assert(
    fc.property(tree, (value) => {
      const encoded = encode(value);
      const again = decode(encoded);
      assert.is(hex(encode(again as Cbor)), hex(encoded));
      assert.equal(again, withSortedMaps(value));
      for (let i = 0; i < Math.min(encoded.length, 40); i++)
        assert.is(decode(encoded.subarray(0, i)), undefined);
    }),
    { numRuns: 500 },
  );
});

cbor('whatever is taken is the only encoding of what it means', () => {
  let taken = 0;
  const check = (input: Uint8Array) => {
    const found = decodePrefix(input);
    if (found === undefined) return;
    taken++;
    assert.is(hex(encode(found.value)), hex(input.subarray(0, found.length)));
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), check), { numRuns: 5_000 });
  const change = fc.tuple(tree, fc.nat(), fc.nat(255));
  fc.assert(
    fc.property(change, ([value, at, byte]) => {
      const encoded = encode(value);
      encoded[at % encoded.length] = byte;
      check(encoded);
    }),
    { numRuns: 3_000 },
  );
  assert.ok(taken > 1_000, `${taken} were taken`);
});

function withSortedMaps(value: Cbor): Cbor {
  if (value instanceof Map) {
    const entries = [...value].map(([k, v]) => [k, withSortedMaps(v)] as const);
    return new Map(entries.sort(([a], [b]) => Buffer.compare(encode(a), encode(b))));
  }
  if (Array.isArray(value)) return value.map(withSortedMaps);
  return Object.is(value, -0) ? 0 : value;
}

cbor.run();
