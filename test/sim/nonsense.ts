// Frames that nobody should say, and bytes that are none: with what a malicious member floods.

import { encode } from '../../agent/bytes/cbor.js';
import type { Frame } from '../../agent/mesh/frame.js';
import type { Random } from '../lab/random.js';

const BYTES_MAX = 1_100;

/** Some endpoint on the internet of net.ts, where most likely nobody is. */
export function anyEndpoint(random: Random): { address: string; port: number } {
  const address = `203.0.${random.below(4)}.${1 + random.below(250)}`;
  return { address, port: 1 + random.below(65_535) };
}

/** One of any kind, with fields that fit their types and nothing else. `nodes`: to speak of. */
export function anyFrame(random: Random, nodes: readonly string[]): Frame {
  const node = nodes[random.below(nodes.length)] ?? '';
  const some = (most: number) => random.bytes(1 + random.below(most));
  const endpoint = anyEndpoint(random);
  const channel = random.below(2 ** 32);
  const record = some(300);
  const frames: readonly (() => Frame)[] = [
    () => ({ kind: 'probe', token: random.bytes(8) }),
    () => ({ kind: 'probe-ack', token: random.bytes(8), observed: endpoint, bytes: 1_300 }),
    () => ({ kind: 'moved', record }),
    () => ({ kind: 'bye' }),
    () => ({ kind: 'register', record }),
    () => ({ kind: 'registered', observed: endpoint, busy: random.below(2) === 0 }),
    () => ({ kind: 'lookup', node, record }),
    () => ({ kind: 'found', node, record, observed: endpoint }),
    () => ({ kind: 'introduce', node, record, observed: endpoint, chain: [some(200)] }),
    () => ({ kind: 'check', endpoint }),
    () => ({ kind: 'knock-at', node, endpoint }),
    () => ({ kind: 'attest-me', endpoint }),
    () => ({ kind: 'attestation', attestation: record }),
    () => ({ kind: 'reachable', records: [record, some(300)] }),
    () => ({ kind: 'open', to: node }),
    () => ({ kind: 'opened', to: node, channel }),
    () => ({ kind: 'refused', to: node, reason: 'full' }),
    () => ({ kind: 'offer', from: node, channel }),
    () => ({ kind: 'close', channel }),
    () => ({ kind: 'gone', channel }),
    () => ({ kind: 'usage', given: [{ channel, bytes: random.below(2 ** 31) }] }),
    () => ({ kind: 'digest', count: random.below(1_000), fingerprint: random.bytes(16) }),
    () => ({ kind: 'ranges', ranges: [{ end: new Uint8Array(0), fingerprint: random.bytes(8) }] }),
    () => ({ kind: 'fetch', ids: nodes.slice(0, 8) }),
    () => ({ kind: 'statements', statements: [some(400), some(400)] }),
    () => ({
      kind: 'kem-key',
      key: random.bytes(1_184),
      session: random.bytes(8),
      old: random.bytes(8),
    }),
    () => ({
      kind: 'kem-box',
      box: random.bytes(1_088),
      old: random.bytes(8),
      made: random.bytes(8),
    }),
    () => ({ kind: 'kem-done', made: random.bytes(8) }),
    () => ({ kind: 'echo', after: random.below(121) }),
    () => ({ kind: 'echoed', seq: random.below(3) }),
  ];
  return frames[random.below(frames.length)]?.() ?? { kind: 'bye' };
}

/** Bytes in the place of a frame: noise, or CBOR that means nothing. */
export function anyBytes(random: Random): Uint8Array {
  if (random.below(2) === 0) return random.bytes(1 + random.below(BYTES_MAX));
  const fields = Array.from({ length: random.below(6) }, (_, i): [number, Uint8Array] => {
    return [i, random.bytes(random.below(40))];
  });
  return encode(new Map<number, number | Uint8Array>([[0, random.below(80)], ...fields.slice(1)]));
}

/** The same with a bit turned. */
export function flipped(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = random.below(copy.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
  return copy;
}
