import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeKey } from '../../agent/bytes/base64.js';
import { peerStatuses } from '../../agent/control/view.js';
import type { PeerState } from '../../agent/wireguard/configuration.js';
import { config, KEY_A, KEY_B } from '../config/samples.js';

const NOW = 1_700_000_000;

const phone = {
  name: 'phone',
  publicKey: KEY_A,
  allowedIps: ['10.7.0.2/32'],
  endpoint: 'phone.example:5',
};
const state = (parts: Partial<PeerState> = {}): PeerState => ({
  publicKey: decodeKey(KEY_A)!,
  presharedKey: null,
  endpoint: { address: '2001:db8::7', port: 5 },
  keepalive: 0,
  lastHandshake: 0,
  receivedBytes: 10,
  sentBytes: 20,
  allowedIps: [{ address: '10.7.0.2', length: 32 }],
  ...parts,
});

const one = (parts: Partial<PeerState>, error?: string) =>
  peerStatuses(config({ peers: [phone] }), [state(parts)], [], NOW, () => error)[0]!;

const view = suite('control/view');

view('a peer with a young handshake', () => {
  assert.equal(one({ lastHandshake: NOW - 179.5 }), {
    name: 'phone',
    publicKey: KEY_A,
    addresses: ['10.7.0.2/32'],
    endpoint: '[2001:db8::7]:5',
    path: { class: 'direct', via: null, rttMs: null, mtu: 1420, reason: null },
    lastHandshake: NOW - 180,
    rxBytes: 10,
    txBytes: 20,
  });
});

const reasons: Array<[string, Partial<PeerState>, string | undefined, RegExp]> = [
  ['idle', { lastHandshake: NOW - 180 }, undefined, /last handshake was 3 min ago/],
  ['silent', { lastHandshake: NOW - 7200, keepalive: 25 }, undefined, /2 h ago, though keepalives/],
  ['no-handshake', {}, undefined, /\[2001:db8::7\]:5 has answered no handshake/],
  ['no-endpoint', { endpoint: null }, undefined, /has not spoken to this node yet/],
  [
    'name-unresolved',
    { endpoint: null },
    'ENOTFOUND',
    /phone.example:5 has no address \(ENOTFOUND\)/,
  ],
];
for (const [code, parts, error, evidence] of reasons) {
  view(`no path: ${code}`, () => {
    const { path, lastHandshake } = one(parts, error);
    assert.is(path.class, 'none');
    assert.is(path.reason?.code, code);
    assert.match(path.reason?.evidence ?? '', evidence);
    assert.ok((path.reason?.advice ?? '').length > 10);
    assert.is(lastHandshake, parts.lastHandshake ?? null);
  });
}

view('a peer that the device does not have yet, and one that `wg set` added', () => {
  const foreign = state({ publicKey: decodeKey(KEY_B)! });
  const both = peerStatuses(
    config({ peers: [phone] }),
    [state(), foreign],
    [],
    NOW,
    () => undefined,
  );
  assert.is(both.length, 2);
  const list = peerStatuses(config({ peers: [phone] }), [foreign], [], NOW, () => undefined);
  assert.equal(
    list.map(({ name, endpoint }) => [name, endpoint]),
    [
      ['phone', null],
      [KEY_B.slice(0, 8), '[2001:db8::7]:5'],
    ],
  );
});

view.run();
