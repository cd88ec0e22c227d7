import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encode } from '../../agent/bytes/cbor.js';
import { ed25519 } from '../../agent/crypto/ed25519.js';
import { KINDS, signEnvelope } from '../../agent/identity/cose.js';
import {
  CHUNK_BYTES,
  chunkCount,
  chunkLength,
  keyIdOf,
  MANIFEST_BYTES_MAX,
  type Manifest,
  readManifest,
  signManifest,
} from '../../agent/update/manifest.js';
import { SIGNER, STRANGER } from './release.js';

const chunks = new Uint8Array(32).fill(3);
const MANIFEST: Manifest = {
  channel: 'stable',
  version: '1.2.3',
  minimum: '1.0.0',
  notes: 'Better.\nAnd faster.',
  issued: 1_700_000_000_000,
  targets: [
    { target: 'arm64-musl', size: 12_345_678, unpacked: 40_000_000, chunks },
    { target: 'x64-glibc', size: 1, unpacked: 0, chunks },
  ],
};

const manifest = suite('update/manifest');

const read = (bytes: Uint8Array, keys = [SIGNER.key]) => readManifest(bytes, keys, ed25519.verify);

manifest('what was signed is read again, with the key that counts', () => {
  const bytes = signManifest(MANIFEST, SIGNER);
  const { key, bytes: kept, ...rest } = read(bytes) as never as Record<string, unknown>;
  assert.equal(rest, MANIFEST);
  assert.is(key, Buffer.from(SIGNER.key).toString('base64'));
  assert.equal(kept, bytes);
  const without = { ...MANIFEST, minimum: null };
  const again = read(signManifest(without, SIGNER), [STRANGER.key, SIGNER.key]);
  assert.is('minimum' in again && again.minimum, null);
});

manifest('a stranger, an altered byte, a signature for something else', () => {
  assert.equal(read(signManifest(MANIFEST, STRANGER)), { refused: 'unknown-key' });
  assert.equal(read(signManifest(MANIFEST, SIGNER), []), { refused: 'unknown-key' });
  const bytes = signManifest(MANIFEST, SIGNER);
  for (let i = 0; i < bytes.length; i++) {
    const altered = Uint8Array.from(bytes);
    altered[i] = (altered[i] ?? 0) ^ 0x10;
    assert.ok('refused' in read(altered), `byte ${i}`);
  }
  // The same payload signed as an order of an admin, and signed for another publisher's key.
  const payload = payloadOf({});
  const order = signEnvelope('order', SIGNER.key, payload, SIGNER);
  assert.equal(read(order), { refused: 'signature' });
  const other = signEnvelope('release', STRANGER.key, payload, SIGNER);
  assert.equal(read(other), { refused: 'signature' });
  assert.not.ok('refused' in read(signEnvelope('release', SIGNER.key, payload, SIGNER)));
});

const WRONG: readonly [string, Record<number, unknown>][] = [
  ['kind', { 0: KINDS.order }],
  ['time', { 2: -1 }],
  ['channel with a path', { 3: '../stable' }],
  ['no channel', { 3: undefined }],
  ['version with a path', { 4: '../../etc' }],
  ['version of two numbers', { 4: '1.2' }],
  ['version with a zero in front', { 4: '1.02.3' }],
  ['minimum', { 5: 'old' }],
  ['notes that move the cursor', { 6: 'a\u001b[2J' }],
  ['notes too long', { 6: 'x'.repeat(2_001) }],
  ['no targets', { 7: [] }],
  ['target twice', { 7: [target('a'), target('a')] }],
  ['target with a path', { 7: [target('a/b')] }],
  ['size 0', { 7: [['a', 0, 1, chunks]] }],
  ['size huge', { 7: [['a', 2 ** 31, 1, chunks]] }],
  ['short hash', { 7: [['a', 1, 1, chunks.slice(1)]] }],
];

function target(name: string) {
  return [name, 5, 5, chunks];
}

function payloadOf(changes: Record<number, unknown>): Map<number, never> {
  const fields: Record<number, unknown> = {
    0: KINDS.release,
    1: keyIdOf(SIGNER.key),
    2: 1_700_000_000,
    3: 'stable',
    4: '1.2.3',
    6: '',
    7: [target('any')],
    ...changes,
  };
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return new Map(entries.map(([key, value]) => [Number(key), value as never]));
}

for (const [name, changes] of WRONG)
  manifest(`refused though signed: ${name}`, () => {
    const bytes = signEnvelope('release', SIGNER.key, payloadOf(changes), SIGNER);
    assert.equal(read(bytes), { refused: 'form' });
  });

manifest('keys of a later version are passed over', () => {
  const bytes = signEnvelope('release', SIGNER.key, payloadOf({ 99: 'later' }), SIGNER);
  assert.not.ok('refused' in read(bytes));
});

manifest('what is too large is not looked at', () => {
  const long = encode([new Uint8Array(MANIFEST_BYTES_MAX)]);
  assert.equal(read(long), { refused: 'form' });
  const targets = Array.from({ length: 33 }, (_, i) => ({
    ...MANIFEST.targets[0],
    target: `t${i}`,
  }));
  assert.throws(() => signManifest({ ...MANIFEST, targets: targets as never }, SIGNER), /bounds/);
});

manifest('fuzz: never throws, never takes what was not signed', () => {
  const good = signManifest(MANIFEST, SIGNER);
  const mutation = fc.record({
    at: fc.nat(good.length - 1),
    bytes: fc.uint8Array({ maxLength: 8 }),
    drop: fc.nat(8),
  });
  fc.assert(
    fc.property(fc.array(mutation, { maxLength: 3 }), fc.uint8Array(), (mutations, tail) => {
      let bytes: Uint8Array = good;
      for (const { at, bytes: more, drop } of mutations)
        bytes = Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at + drop)]);
      bytes = Buffer.concat([bytes, tail]);
      const found = read(bytes);
      assert.is('refused' in found, !Buffer.from(good).equals(bytes));
    }),
    { numRuns: 2_000 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => 'refused' in read(bytes)));
});

manifest('chunks', () => {
  assert.is(chunkCount(1), 1);
  assert.is(chunkCount(CHUNK_BYTES), 1);
  assert.is(chunkCount(CHUNK_BYTES + 1), 2);
  assert.is(chunkLength(CHUNK_BYTES + 1, 1), 1);
  assert.is(chunkLength(CHUNK_BYTES + 1, 0), CHUNK_BYTES);
});

manifest.run();
