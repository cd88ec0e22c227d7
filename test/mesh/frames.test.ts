// Frames as bytes: round trips of every kind, exact bytes for some, whatever else may come, and
// the schema (frames.cddl) beside the code: each accepts what the other does.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Cbor, decode, encode } from '../../agent/bytes/cbor.js';
import { idOf } from '../../agent/identity/nodeid.js';
import { FRAME_BYTES_MAX } from '../../agent/mesh/chunks.js';
import type { Frame, FrameKind } from '../../agent/mesh/frame.js';
import { encodeFrame, FORMS, type FrameDrop, FrameReader } from '../../agent/mesh/frames.js';
import { anyFrame, frameOf } from './anyframe.js';
import { ruleNames, schema } from './cddl.js';

const CDDL = readFileSync(
  join(import.meta.dirname, '..', '..', 'agent', 'mesh', 'frames.cddl'),
  'utf8',
);
const KINDS = Object.keys(FORMS) as FrameKind[];
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const unhex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

const frames = suite('mesh: frames');

function reader() {
  const drops: FrameDrop[] = [];
  return { drops, reader: new FrameReader((reason) => drops.push(reason)) };
}

function readAll(pieces: readonly Uint8Array[]): Frame | undefined {
  const { reader: one } = reader();
  let frame: Frame | undefined;
  for (const piece of pieces) frame = one.read(piece, 0) ?? frame;
  return frame;
}

const token = unhex('0102030405060708');
const node = idOf(new Uint8Array(32).fill(0xaa));
const rows: [Frame, string][] = [
  [{ kind: 'probe', token }, `a20001 01480102030405060708`],
  [
    { kind: 'probe-ack', token, observed: { address: '192.0.2.7', port: 51820 }, bytes: 1280 },
    'a40002 01480102030405060708 028244c000020719ca6c 03190500',
  ],
  [{ kind: 'bye' }, 'a10004'],
  [
    { kind: 'registered', observed: { address: '2001:db8::1', port: 1 }, busy: true },
    'a30006 01825020010db800000000000000000000000101 02f5',
  ],
  [{ kind: 'found', node, record: null, observed: null }, `a20008 015820${'aa'.repeat(32)}`],
  [{ kind: 'refused', to: node, reason: 'full' }, `a30011 015820${'aa'.repeat(32)} 0202`],
  [
    { kind: 'digest', count: 10_000, fingerprint: new Uint8Array(16).fill(7) },
    `a30015 01192710 0250${'07'.repeat(16)}`,
  ],
  [
    {
      kind: 'ranges',
      ranges: [
        { end: unhex('20') },
        { end: unhex('40'), fingerprint: token },
        { end: unhex(''), ids: [node] },
      ],
    },
    `a20016 0183 814120 824140480102030405060708 82405820${'aa'.repeat(32)}`,
  ],
  [{ kind: 'unwelcome', reason: 'used' }, 'a2 00181c 0164 75736564'],
];

for (const [frame, bytes] of rows) {
  frames(`exact bytes: ${frame.kind}`, () => {
    const [piece, ...more] = encodeFrame(frame);
    assert.is(hex(piece!), bytes.replaceAll(' ', ''));
    assert.equal(more, []);
    assert.equal(readAll([piece!]), frame);
  });
}

frames('every frame comes back, whole or in chunks, in any order, padded', () => {
  fc.assert(
    fc.property(anyFrame, fc.nat(40), fc.infiniteStream(fc.nat()), (frame, zeros, dice) => {
      const pieces = encodeFrame(frame);
      for (const piece of pieces) {
        assert.ok(piece.length <= FRAME_BYTES_MAX);
        assert.ok(piece[0]! >= 0xa1 && piece[0]! <= 0xb7);
      }
      const order = pieces.map((piece) => [dice.next().value!, piece] as const);
      order.sort((a, b) => a[0] - b[0]);
      const padded = order.map(([, piece]) =>
        Uint8Array.from([...piece, ...new Array(zeros).fill(0)]),
      );
      assert.equal(readAll(padded), frame);
    }),
    { numRuns: 400 },
  );
});

frames('what is read does not lie in the datagram', () => {
  const [piece] = encodeFrame({ kind: 'probe', token });
  const frame = readAll([piece!]);
  piece!.fill(0);
  assert.equal(frame, { kind: 'probe', token });
});

frames('what a newer version adds is ignored', () => {
  const { reader: one, drops } = reader();
  const newer = new Map<number, Cbor>([
    [0, 1],
    [1, token],
    [2, 'more'],
    [99, [1, token]],
  ]);
  assert.equal(one.read(encode(newer), 0), { kind: 'probe', token });
  assert.is(
    one.read(
      encode(
        new Map<number, Cbor>([
          [0, 250],
          [1, 'new'],
        ]),
      ),
      0,
    ),
    undefined,
  );
  assert.equal(drops, ['frame-unknown']);
});

frames('drops have their reason', () => {
  const map = (...entries: [number, Cbor][]) => encode(new Map(entries));
  const cases: [Uint8Array, FrameDrop][] = [
    [unhex(''), 'frame-cbor'],
    [unhex('00'), 'frame-cbor'],
    [unhex('80'), 'frame-cbor'],
    [unhex('a0'), 'frame-cbor'],
    [unhex('a20001014801020304050607'), 'frame-cbor'],
    [unhex('a10004ff'), 'frame-cbor'],
    [encode(new Map<number, Cbor>([[0, 'probe']])), 'frame-cbor'],
    [map([0, 1]), 'frame-missing'],
    [map([0, 1], [1, 'text']), 'frame-value'],
    [map([0, 1], [1, unhex('01')]), 'frame-value'],
    [map([0, 10], [1, [unhex('0a000001'), 0]]), 'frame-value'],
    [map([0, 10], [1, [unhex('0a0000'), 1]]), 'frame-value'],
    [map([0, 10], [1, [unhex('0a000001'), 1, 1]]), 'frame-value'],
    [map([0, 17], [1, new Uint8Array(32)], [2, 4]), 'frame-value'],
    [map([0, 28], [1, 'Used\u001b[2J']), 'frame-value'],
    [map([0, 8], [1, new Uint8Array(32)], [2, 7]), 'frame-value'],
  ];
  for (const [bytes, reason] of cases) {
    const { reader: one, drops } = reader();
    assert.is(one.read(bytes, 0), undefined);
    assert.equal(drops, [reason], hex(bytes));
  }
});

frames('our own mistakes are named', () => {
  assert.throws(() => encodeFrame({ kind: 'probe', token: new Uint8Array(7) }), /7 bytes/);
  assert.throws(() => encodeFrame({ kind: 'unwelcome', reason: 'Not a code' }), /no code/);
  const statements = Array.from({ length: 5 }, () => new Uint8Array(16_000));
  assert.throws(() => encodeFrame({ kind: 'statements', statements }), /80\d\d\d bytes/);
});

frames('garbage and frames with bytes changed: no throw, at most one drop each', () => {
  const { reader: one, drops } = reader();
  let before = 0;
  const read = (bytes: Uint8Array) => {
    const frame = one.read(bytes, 0);
    if (frame !== undefined)
      assert.ok(encodeFrame(frame).length > 0, 'what is read can be written');
    assert.ok(drops.length <= before + 2, 'the chunk, and an older one that gave way');
    before = drops.length;
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 1300 }), read), { numRuns: 1_000 });
  const change = fc.tuple(anyFrame, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat(1200));
  fc.assert(
    fc.property(change, ([frame, at, bits, cut]) => {
      const [piece] = encodeFrame(frame);
      const changed = Uint8Array.from(piece!);
      changed[at % changed.length]! ^= bits;
      read(changed);
      read(piece!.subarray(0, cut % piece!.length));
    }),
    { numRuns: 2_000 },
  );
});

frames('every truncation of a frame is dropped', () => {
  for (const kind of KINDS) {
    const [piece] = encodeFrame(frameOf(kind));
    for (let length = 0; length < piece!.length; length++) {
      const { reader: one, drops } = reader();
      assert.is(one.read(piece!.subarray(0, length), 0), undefined);
      assert.equal(drops, ['frame-cbor'], `${kind}, ${length} bytes`);
    }
  }
});

// The schema

const rule = schema(CDDL);

frames('schema: a rule for every kind with its number, and no others', () => {
  const inChoice = /^frame\s*=([^;]*?)\n\n/m.exec(CDDL)?.[1]?.match(/[a-z-]+/g) ?? [];
  assert.equal([...inChoice].sort(), [...KINDS].sort());
  const names = ruleNames(CDDL);
  for (const kind of KINDS) assert.ok(names.includes(kind), kind);
  const numbers = KINDS.map((kind) => FORMS[kind][0]);
  assert.is(new Set(numbers).size, KINDS.length);
});

frames('schema: takes every frame that the code writes, under its own name', () => {
  const message = rule('message');
  fc.assert(
    fc.property(anyFrame, (frame) => {
      const pieces = encodeFrame(frame);
      for (const [i, piece] of pieces.entries()) {
        const map = decode(piece);
        assert.ok(message(map), `${frame.kind} ${i}`);
        if (pieces.length === 1) assert.ok(rule(frame.kind)(map), frame.kind);
      }
    }),
    { numRuns: 400 },
  );
});

const oddValue = fc.oneof(
  fc.nat(70_000),
  fc.boolean(),
  fc.string({ maxLength: 40 }),
  fc.uint8Array({ maxLength: 40 }),
  fc.constantFrom(4, 16, 32, 64, 900, 901, 1088, 1184).map((length) => new Uint8Array(length)),
  fc.tuple(fc.constant(new Uint8Array(4)), fc.constantFrom(0, 1, 65_535, 65_536)),
  fc.array(fc.uint8Array({ maxLength: 3 }), { maxLength: 10 }),
  fc.array(fc.tuple(fc.uint8Array({ maxLength: 34 }), fc.uint8Array({ maxLength: 34 }))),
);

frames('schema: takes and refuses what the reader does', () => {
  const odd = fc.tuple(fc.constantFrom(...KINDS), fc.integer({ min: 1, max: 4 }), oddValue);
  let taken = 0;
  fc.assert(
    fc.property(odd, fc.boolean(), ([kind, key, value], without) => {
      const whole = encode(new Map(decodedForm(kind)));
      const map = decode(whole) as Map<number, Cbor>;
      map.delete(key);
      if (!without) map.set(key, value);
      const ordered = new Map([...map].sort((a, b) => a[0] - b[0]));
      const { reader: one } = reader();
      const read = one.read(encode(ordered), 0) !== undefined;
      assert.is(rule('frame')(ordered) && wholeIds(ordered), read, `${kind} ${key}`);
      if (read) taken++;
    }),
    { numRuns: 4_000 },
  );
  assert.ok(taken > 400, `${taken} were taken`);
});

/** What CDDL cannot say: ids in a row are multiples of 32 bytes. */
function wholeIds(map: Map<number, Cbor>): boolean {
  const value = map.get(1);
  const rows =
    map.get(0) === FORMS.fetch[0]
      ? [value as Uint8Array]
      : map.get(0) === FORMS.ranges[0]
        ? (value as Uint8Array[][]).map((range) => range[1]).filter((row) => row?.length !== 8)
        : [];
  return rows.every((row) => row === undefined || row.length % 32 === 0);
}

/** A frame's map, also where it would be sent in chunks. */
function decodedForm(kind: FrameKind): Map<number, Cbor> {
  const { reader: one } = reader();
  const map = new Map<number, Cbor>([[0, FORMS[kind][0]]]);
  const frame = frameOf(kind) as unknown as Record<string, unknown>;
  for (const [name, [key, field]] of Object.entries(FORMS[kind][1])) {
    const value = (field as { write(value: unknown): Cbor }).write(frame[name]);
    if (value !== null) map.set(key, value);
  }
  assert.equal(one.read(encode(map), 0), frameOf(kind));
  return map;
}

frames.run();
