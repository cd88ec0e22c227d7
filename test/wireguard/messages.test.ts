import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as codec from '../../agent/wireguard/messages.js';
import { seeded } from './pair.js';

const messages = suite('wireguard/messages');
const { bytes } = seeded(4);
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex');

const initiation = {
  sender: 0x12345678,
  ephemeral: bytes(32),
  sealedStatic: bytes(48),
  sealedTimestamp: bytes(28),
};
const response = {
  sender: 0x9abcdef0,
  receiver: 0x12345678,
  ephemeral: bytes(32),
  sealedEmpty: bytes(16),
};
const reply = { receiver: 0xfffffffe, nonce: bytes(24), sealedCookie: bytes(32) };

const rows = [
  [
    'initiation',
    codec.writeInitiation(initiation),
    ['01000000', '78563412', initiation.ephemeral, initiation.sealedStatic].concat(
      hex(initiation.sealedTimestamp),
      '00'.repeat(32),
    ),
    { kind: 'initiation', ...initiation },
  ],
  [
    'response',
    codec.writeResponse(response),
    ['02000000', 'f0debc9a', '78563412', response.ephemeral, response.sealedEmpty].concat(
      '00'.repeat(32),
    ),
    { kind: 'response', ...response },
  ],
  [
    'cookie reply',
    codec.writeCookieReply(reply),
    ['03000000', 'feffffff', reply.nonce, reply.sealedCookie],
    { kind: 'cookie-reply', ...reply },
  ],
] as const;

for (const [name, written, parts, want] of rows) {
  messages(`${name}: bytes in their places, and read back`, () => {
    const text = parts.map((part) => (typeof part === 'string' ? part : hex(part))).join('');
    assert.is(hex(written), text);
    assert.equal(codec.readHandshakeMessage(written), want);
    const inside = new Uint8Array(written.length + 8);
    inside.set(written, 3);
    assert.equal(codec.readHandshakeMessage(inside.subarray(3, 3 + written.length)), want);
  });

  messages(`${name}: another length, type or reserved byte is no message`, () => {
    for (let length = 0; length < written.length; length++) {
      assert.is(codec.readHandshakeMessage(written.subarray(0, length)), undefined);
    }
    assert.is(codec.readHandshakeMessage(Buffer.concat([written, Buffer.alloc(1)])), undefined);
    for (const at of [0, 1, 2, 3]) {
      const other = Uint8Array.from(written);
      other[at]! ^= 0x10;
      assert.is(codec.readHandshakeMessage(other), undefined);
    }
  });
}

messages('nothing throws, whatever comes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(0, 1, 2, 3, 4), (junk, type) => {
      if (junk.length > 3) junk.set([type, 0, 0, 0]);
      const message = codec.readHandshakeMessage(junk);
      const want = [0, 148, 92, 64, 0][type];
      assert.is(message !== undefined, junk.length > 3 && junk.length === want);
    }),
    { numRuns: 2_000 },
  );
});

messages('a field of another length is our own mistake', () => {
  const short = { ...response, ephemeral: bytes(31) };
  assert.throws(() => codec.writeResponse(short), /at 12 has 31 bytes/);
});

messages.run();
