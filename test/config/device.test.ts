import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatPrefix } from '../../agent/bytes/address.js';
import { encodeKey } from '../../agent/bytes/base64.js';
import { deviceChange, deviceDifference, type Resolved } from '../../agent/config/device.js';
import type { DeviceChange } from '../../agent/wireguard/configuration.js';
import { config, KEY_A, KEY_B } from './samples.js';

const NONE: Resolved = { presharedKeys: new Map(), endpoints: new Map() };
const SECRET = new Uint8Array(32).fill(3);
const HOME = 'home.example:51820';
const KNOWN: Resolved = {
  presharedKeys: new Map([['a.psk', SECRET]]),
  endpoints: new Map([[HOME, { address: '192.0.2.1', port: 51820 }]]),
};

const a = { name: 'a', publicKey: KEY_A, allowedIps: ['10.7.0.2', 'fd00::2/64'] };
const b = { name: 'b', publicKey: KEY_B, allowedIps: ['10.7.0.3/32'] };

/** A change in words. */
function told({ peers = [], ...rest }: DeviceChange) {
  const words = peers.map(({ publicKey, allowedIps, presharedKey, ...peer }) => ({
    key: encodeKey(publicKey),
    ...(allowedIps && { ips: allowedIps.map(({ prefix }) => formatPrefix(prefix)) }),
    ...(presharedKey !== undefined && { psk: presharedKey }),
    ...peer,
  }));
  return { ...rest, peers: words };
}

const device = suite('config/device');

device('the whole device', () => {
  const privateKey = new Uint8Array(32).fill(1);
  const peers = [{ ...a, presharedKeyFile: 'a.psk', endpoint: HOME, keepalive: 25 }, b];
  const change = deviceChange(config({ listen: { port: 5 }, peers }), privateKey, KNOWN);
  const rest = { replaceAllowedIps: true };
  assert.equal(told(change), {
    privateKey,
    listenPort: 5,
    replacePeers: true,
    peers: [
      {
        key: KEY_A,
        ips: ['10.7.0.2/32', 'fd00::/64'],
        psk: SECRET,
        keepalive: 25,
        ...rest,
        endpoint: { address: '192.0.2.1', port: 51820 },
      },
      { key: KEY_B, ips: ['10.7.0.3/32'], psk: null, keepalive: 0, ...rest },
    ],
  });
});

device('a name without an address yet is no endpoint', () => {
  const change = deviceChange(config({ peers: [{ ...a, endpoint: HOME }] }), SECRET, NONE);
  assert.is(change.peers?.[0]?.endpoint, undefined);
});

device('a preshared key that is not there is never taken for none', () => {
  const peers = [{ ...a, presharedKeyFile: 'lost.psk' }];
  assert.throws(() => deviceChange(config({ peers }), SECRET, NONE), /lacks lost.psk/);
});

const one = { replaceAllowedIps: true, ips: ['10.7.0.2/32', 'fd00::/64'], psk: null, keepalive: 0 };
const before = config({ peers: [a, b] });
const differences: Array<[string, object, object]> = [
  ['nothing', { peers: [a, b] }, { peers: [] }],
  [
    'another order and spelling',
    { peers: [b, { ...a, allowedIps: ['fd00::/64', '10.7.0.2/32'] }] },
    { peers: [] },
  ],
  ['the port', { listen: { port: 5 }, peers: [a, b] }, { listenPort: 5, peers: [] }],
  ['a peer less', { peers: [b] }, { peers: [{ key: KEY_A, remove: true }] }],
  [
    'a keepalive',
    { peers: [{ ...a, keepalive: 9 }, b] },
    { peers: [{ key: KEY_A, ...one, keepalive: 9 }] },
  ],
  [
    'an allowed IP',
    { peers: [{ ...a, allowedIps: ['10.7.0.9/32'] }, b] },
    { peers: [{ key: KEY_A, ...one, ips: ['10.7.0.9/32'] }] },
  ],
  [
    'an endpoint',
    { peers: [{ ...a, endpoint: HOME }, b] },
    { peers: [{ key: KEY_A, ...one, endpoint: { address: '192.0.2.1', port: 51820 } }] },
  ],
  [
    'a preshared key',
    { peers: [{ ...a, presharedKeyFile: 'a.psk' }, b] },
    { peers: [{ key: KEY_A, ...one, psk: SECRET }] },
  ],
  ['only a name', { peers: [{ ...a, name: 'c' }, b] }, { peers: [] }],
];
for (const [name, after, want] of differences) {
  device(`difference: ${name}`, () => {
    assert.equal(told(deviceDifference(before, config(after), NONE, KNOWN)), want);
  });
}

device('difference: a new peer comes whole', () => {
  const change = deviceDifference(config({ peers: [b] }), before, NONE, KNOWN);
  assert.equal(told(change), { peers: [{ key: KEY_A, ...one }] });
});

device('a peer that roamed is left where it is when something else changes', () => {
  const home = config({ peers: [{ ...a, endpoint: HOME }] });
  const kept = config({ peers: [{ ...a, endpoint: HOME, keepalive: 5 }] });
  const [peer] = deviceDifference(home, kept, KNOWN, KNOWN).peers ?? [];
  assert.is(peer?.keepalive, 5);
  assert.is(peer?.endpoint, undefined);
});

device('a file with another key in it is a change', () => {
  const peers = [{ ...a, presharedKeyFile: 'a.psk' }];
  const other = { ...KNOWN, presharedKeys: new Map([['a.psk', new Uint8Array(32).fill(4)]]) };
  const change = deviceDifference(config({ peers }), config({ peers }), KNOWN, other);
  assert.equal(change.peers?.[0]?.presharedKey, new Uint8Array(32).fill(4));
});

device.run();
