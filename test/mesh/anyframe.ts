// Frames of every kind, for tests: arbitrary ones, and one plain example of each.

import fc from 'fast-check';
import { formatAddress } from '../../agent/bytes/address.js';
import { idOf } from '../../agent/identity/nodeid.js';
import type { Frame, FrameKind, FrameOf } from '../../agent/mesh/frame.js';

const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const plain = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(model, { noNullPrototype: true });
const id = exactly(32).map(idOf);
const address = fc.oneof(exactly(4), exactly(16)).map((bytes) => formatAddress(bytes));
const endpoint = plain({ address, port: fc.integer({ min: 1, max: 65_535 }) });
const sealed = fc.uint8Array({ minLength: 1, maxLength: 900 });
const statement = fc.uint8Array({ minLength: 1, maxLength: 2_000 });
const statements = fc.array(statement, { maxLength: 20 });
const chain = fc.array(statement, { maxLength: 8 });
const records = fc.array(sealed, { maxLength: 20 });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const ids = fc.array(id, { maxLength: 60 });
const end = fc.uint8Array({ maxLength: 32 });
const range = fc.oneof(
  plain({ end }),
  plain({ end, fingerprint: exactly(8) }),
  plain({ end, ids }),
);
const reason = fc.constantFrom('absent', 'quota', 'full', 'role');
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });

type Forms = { [K in FrameKind]: { [F in Exclude<keyof FrameOf<K>, 'kind'>]: unknown } };

const forms: Forms = {
  probe: { token: exactly(8) },
  'probe-ack': { token: exactly(8), observed: endpoint, bytes: fc.nat(65_535) },
  moved: { record: sealed },
  bye: {},
  unregister: {},
  register: { record: sealed },
  registered: { observed: endpoint, busy: fc.boolean() },
  lookup: { node: id, record: sealed },
  found: { node: id, record: maybe(sealed), observed: maybe(endpoint) },
  introduce: { node: id, record: sealed, observed: endpoint, chain },
  check: { endpoint },
  'knock-at': { node: id, endpoint },
  'attest-me': { endpoint },
  attestation: { attestation: sealed },
  reachable: { records },
  'ask-reachable': { known: fc.uint8Array({ maxLength: 1_024 }) },
  open: { to: id },
  opened: { to: id, channel: u32 },
  refused: { to: id, reason },
  offer: { from: id, channel: u32 },
  close: { channel: u32 },
  gone: { channel: u32 },
  usage: {
    given: fc.array(plain({ channel: u32, bytes: fc.maxSafeNat() }), { maxLength: 64 }),
  },
  digest: { count: u32, fingerprint: exactly(16) },
  ranges: { ranges: fc.array(range, { maxLength: 30 }) },
  fetch: { ids },
  statements: { statements },
  show: { statements: chain, node: id, signature: exactly(64) },
  welcome: { statements, reachable: records, observed: endpoint },
  unwelcome: { reason: fc.stringMatching(/^[a-z0-9-]{1,32}$/) },
  'kem-key': { key: exactly(1_184), session: exactly(8), old: exactly(8) },
  'kem-box': { box: exactly(1_088), old: exactly(8), made: exactly(8) },
  'kem-done': { made: exactly(8) },
  echo: { after: fc.nat(120) },
  echoed: { seq: fc.maxSafeNat() },
  'ask-paths': {},
  paths: {
    paths: fc.array(plain({ node: id, via: maybe(id), rtt: u32 }), { maxLength: 64 }),
  },
};

const arbitraries = Object.entries(forms).map(([kind, fields]) =>
  plain({ kind: fc.constant(kind), ...fields }),
) as unknown as fc.Arbitrary<Frame>[];

export const anyFrame: fc.Arbitrary<Frame> = fc.oneof(...arbitraries);

const examples = new Map(
  Object.keys(forms).map((kind, i) => [
    kind,
    fc.sample(arbitraries[i]!, { seed: 7, numRuns: 1 })[0]!,
  ]),
);

/** One frame of this kind, always the same. */
export function frameOf(kind: FrameKind): Frame {
  return examples.get(kind)!;
}
