import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parsePrefix } from '../../agent/bytes/address.js';
import type { DeviceState } from '../../agent/wireguard/configuration.js';
import {
  E2BIG,
  EINVAL,
  EPROTO,
  LINE_BYTES_MAX,
  LINES_MAX,
  type Request,
  RequestReader,
  writeErrno,
  writeState,
} from '../../agent/wireguard/uapi.js';

const uapi = suite('wireguard/uapi');

const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));
const scopes: Record<string, number> = { eth0: 7 };
const reader = () => new RequestReader((name) => scopes[name]);
const read = (text: string) => reader().push(bytes(text));
const key = (fill: number) => new Uint8Array(32).fill(fill);
const prefix = (text: string) => parsePrefix(text)!;

const A = 'aa'.repeat(32);
const PEER = `public_key=${A}\n`;

const good: readonly [string, string, Request][] = [
  ['get', 'get=1\n\n', { kind: 'get' }],
  ['an empty set', 'set=1\n\n', { kind: 'set', change: {} }],
  [
    'the interface',
    `set=1\nprivate_key=${A}\nlisten_port=51820\nfwmark=4294967295\nreplace_peers=true\n\n`,
    {
      kind: 'set',
      change: { privateKey: key(0xaa), listenPort: 51820, fwmark: 0xffffffff, replacePeers: true },
    },
  ],
  [
    'keys of zeros are none',
    `set=1\nprivate_key=${'0'.repeat(64)}\n${PEER}preshared_key=${'0'.repeat(64)}\n\n`,
    {
      kind: 'set',
      change: { privateKey: null, peers: [{ publicKey: key(0xaa), presharedKey: null }] },
    },
  ],
  [
    'a peer, upper-case digits',
    `set=1\n${PEER.toUpperCase().replace('PUBLIC_KEY', 'public_key')}` +
      `preshared_key=${'5C'.repeat(32)}\nendpoint=192.0.2.7:51820\n` +
      'persistent_keepalive_interval=25\nreplace_allowed_ips=true\nprotocol_version=1\n' +
      'allowed_ip=10.7.0.2/32\nallowed_ip=fd00::2/128\nallowed_ip=-10.7.0.3/24\n\n',
    {
      kind: 'set',
      change: {
        peers: [
          {
            publicKey: key(0xaa),
            presharedKey: key(0x5c),
            endpoint: { address: '192.0.2.7', port: 51820 },
            keepalive: 25,
            replaceAllowedIps: true,
            allowedIps: [
              { prefix: prefix('10.7.0.2/32') },
              { prefix: prefix('fd00::2/128') },
              { prefix: prefix('10.7.0.0/24'), remove: true },
            ],
          },
        ],
      },
    },
  ],
  [
    'two peers, one to go, one only to update',
    `set=1\n${PEER}remove=true\npublic_key=${'0b'.repeat(32)}\nupdate_only=true\n\n`,
    {
      kind: 'set',
      change: {
        peers: [
          { publicKey: key(0xaa), remove: true },
          { publicKey: key(0x0b), updateOnly: true },
        ],
      },
    },
  ],
  [
    'replace_allowed_ips forgets what stood before it',
    `set=1\n${PEER}allowed_ip=10.0.0.0/8\nreplace_allowed_ips=true\nallowed_ip=0.0.0.0/0\n\n`,
    {
      kind: 'set',
      change: {
        peers: [
          {
            publicKey: key(0xaa),
            replaceAllowedIps: true,
            allowedIps: [{ prefix: prefix('0.0.0.0/0') }],
          },
        ],
      },
    },
  ],
];

for (const [name, text, want] of good) {
  uapi(`reads: ${name}`, () => assert.equal(read(text), [want]));
  uapi(`reads byte by byte: ${name}`, () => {
    const one = reader();
    assert.equal(
      [...bytes(text)].flatMap((byte) => one.push(Uint8Array.of(byte))),
      [want],
    );
    assert.not(one.begun);
  });
}

for (const [text, address] of [
  ['[2001:db8::1]:1', '2001:db8::1'],
  ['[fe80::1%3]:1', 'fe80::1%3'],
  ['[fe80::1%eth0]:1', 'fe80::1%7'],
] as const) {
  uapi(`reads the endpoint ${text}`, () => {
    assert.equal(read(`set=1\n${PEER}endpoint=${text}\n\n`), [
      {
        kind: 'set',
        change: { peers: [{ publicKey: key(0xaa), endpoint: { address, port: 1 } }] },
      },
    ]);
  });
}

const bad: readonly [string, string, number][] = [
  ['unknown operation', 'put=1', EPROTO],
  ['newer operation', 'get=2', EPROTO],
  ['operation without a value', 'set', EPROTO],
  ['get with more', 'get=1\nlisten_port=1', EINVAL],
  ['line without =', 'set=1\nlisten_port', EPROTO],
  ['unknown interface key', 'set=1\nmtu=1', EINVAL],
  ['peer key before a peer', 'set=1\nallowed_ip=10.0.0.0/8', EINVAL],
  ['interface key after a peer', `set=1\n${PEER}listen_port=1`, EINVAL],
  ['unknown peer key', `set=1\n${PEER}name=x`, EINVAL],
  ['short key', `set=1\nprivate_key=${A.slice(1)}`, EINVAL],
  ['long key', `set=1\nprivate_key=${A}a`, EINVAL],
  ['key with a letter too far', `set=1\nprivate_key=${A.slice(1)}g`, EINVAL],
  ['bad preshared key', `set=1\n${PEER}preshared_key=x`, EINVAL],
  ['port 65536', 'set=1\nlisten_port=65536', EINVAL],
  ['port -1', 'set=1\nlisten_port=-1', EINVAL],
  ['no port', 'set=1\nlisten_port=', EINVAL],
  ['mark past 32 bits', 'set=1\nfwmark=4294967296', EINVAL],
  ['hexadecimal mark', 'set=1\nfwmark=0x1', EINVAL],
  ['replace_peers=false', 'set=1\nreplace_peers=false', EINVAL],
  ['remove=1', `set=1\n${PEER}remove=1`, EINVAL],
  ['update_only=yes', `set=1\n${PEER}update_only=yes`, EINVAL],
  ['replace_allowed_ips=', `set=1\n${PEER}replace_allowed_ips=`, EINVAL],
  ['protocol 2', `set=1\n${PEER}protocol_version=2`, EINVAL],
  ['keepalive 65536', `set=1\n${PEER}persistent_keepalive_interval=65536`, EINVAL],
  ['keepalive off', `set=1\n${PEER}persistent_keepalive_interval=off`, EINVAL],
  ['endpoint by name', `set=1\n${PEER}endpoint=example.org:1`, EINVAL],
  ['endpoint without port', `set=1\n${PEER}endpoint=192.0.2.1`, EINVAL],
  ['endpoint with port 65536', `set=1\n${PEER}endpoint=192.0.2.1:65536`, EINVAL],
  ['endpoint in an unknown scope', `set=1\n${PEER}endpoint=[fe80::1%eth9]:1`, EINVAL],
  ['prefix past its width', `set=1\n${PEER}allowed_ip=10.0.0.0/33`, EINVAL],
  ['prefix of nothing', `set=1\n${PEER}allowed_ip=-`, EINVAL],
  ['line too long', `set=1\nlisten_port=${'0'.repeat(LINE_BYTES_MAX)}`, EPROTO],
];

for (const [name, text, errno] of bad) {
  uapi(`refuses, and stays in step: ${name}`, () => {
    const [alone] = read(`${text}\n\n`);
    assert.is(alone?.kind === 'refused' && alone.errno, errno);
    for (const size of [1, 7, 100_000]) {
      const one = reader();
      const whole = bytes(`${text}\nlisten_port=2\n\nget=1\n\n`);
      const got: Request[] = [];
      for (let i = 0; i < whole.length; i += size) got.push(...one.push(whole.slice(i, i + size)));
      assert.equal(
        got.map((r) => [r.kind, r.kind === 'refused' && r.errno]),
        [
          ['refused', errno],
          ['get', false],
        ],
      );
    }
  });
}

uapi('a line of exactly the limit is read', () => {
  const line = `x=${'y'.repeat(LINE_BYTES_MAX - 2)}`;
  for (const size of [1, 1000]) {
    const one = reader();
    const whole = bytes(`set=1\n${line}\n\n`);
    const got: Request[] = [];
    for (let i = 0; i < whole.length; i += size) got.push(...one.push(whole.slice(i, i + size)));
    assert.is(got[0]?.kind === 'refused' && got[0].errno, EINVAL, 'the key, not the length');
  }
});

uapi('no reason repeats a value', () => {
  for (const [, text] of bad) {
    const [request] = read(`${text}\n\n`);
    const value = text.slice(text.lastIndexOf('=') + 1);
    if (value.length < 6 || request?.kind !== 'refused') continue;
    assert.not.ok(request.reason.includes(value), request.reason);
  }
});

uapi('more lines than the limit are refused without being kept', () => {
  const one = reader();
  one.push(bytes(`set=1\n${PEER}`));
  const lines = bytes('allowed_ip=10.0.0.0/8\n'.repeat(1_000));
  let got: Request[] = [];
  for (let i = 0; i < LINES_MAX / 1_000; i++) got = got.concat(one.push(lines));
  got = got.concat(one.push(bytes('\n')));
  assert.equal(
    got.map((r) => r.kind === 'refused' && r.errno),
    [E2BIG],
  );
});

uapi('every truncation changes nothing, and ends as a refusal', () => {
  for (const [, text] of good) {
    for (let length = 1; length < text.length; length++) {
      const one = reader();
      assert.equal(one.push(bytes(text.slice(0, length))), []);
      assert.ok(one.begun);
      assert.is(one.end()?.errno, EPROTO);
      assert.not(one.begun);
    }
  }
  assert.is(reader().end(), undefined);
});

uapi('stray empty lines are no requests', () => {
  assert.equal(read('\n\nget=1\n\n\n'), [{ kind: 'get' }]);
});

uapi('secrets of a refused request are wiped', () => {
  const one = reader();
  const kept: Uint8Array[] = [];
  const { fill } = Uint8Array.prototype;
  one.push(bytes(`set=1\nprivate_key=${A}\n`));
  Uint8Array.prototype.fill = function (...args) {
    if (this.length === 32) kept.push(this);
    return fill.apply(this, args);
  };
  try {
    one.push(bytes('listen_port=x\n'));
  } finally {
    Uint8Array.prototype.fill = fill;
  }
  assert.equal(kept, [new Uint8Array(32)]);
});

const words = fc.constantFrom(
  ...['set=1', 'get=1', '', 'private_key=', `private_key=${A}`, `public_key=${A}`, 'remove=true'],
  ...['allowed_ip=10.0.0.0/8', 'allowed_ip=-::/0', 'endpoint=[fe80::1%eth0]:5', 'fwmark=1'],
);
const line = fc.oneof(
  { weight: 4, arbitrary: words },
  fc.string({ unit: 'binary', maxLength: 300 }),
);

uapi('fuzz: never throws, and how the bytes are cut makes no difference', () => {
  const text = fc.array(line, { maxLength: 30 }).map((lines) => lines.join('\n'));
  fc.assert(
    fc.property(text, fc.array(fc.nat(80), { maxLength: 20 }), (all, cuts) => {
      const whole = new TextEncoder().encode(all);
      const pieces = reader();
      const got: Request[] = [];
      let at = 0;
      for (const cut of cuts) {
        got.push(...pieces.push(whole.slice(at, at + cut)));
        at += cut;
      }
      got.push(...pieces.push(whole.slice(at)));
      assert.equal(got, reader().push(whole));
    }),
    { numRuns: 2_000 },
  );
});

const STATE: DeviceState = {
  privateKey: key(0x1f),
  publicKey: key(3),
  listenPort: 51820,
  fwmark: 0xca6c,
  peers: [
    {
      publicKey: key(0xaa),
      presharedKey: key(0x0c),
      endpoint: { address: 'fe80::1%3', port: 7 },
      keepalive: 25,
      lastHandshake: 1_700_000_000.25,
      receivedBytes: 2 ** 40,
      sentBytes: 12,
      allowedIps: [prefix('10.7.0.0/24'), prefix('::/0')],
    },
    {
      publicKey: key(0xbb),
      presharedKey: null,
      endpoint: null,
      keepalive: 0,
      lastHandshake: 0,
      receivedBytes: 0,
      sentBytes: 0,
      allowedIps: [],
    },
  ],
};

const written = (state: DeviceState) => Buffer.concat([...writeState(state)]).toString('latin1');

uapi('writes a state', () => {
  const want = [
    `private_key=${'1f'.repeat(32)}`,
    'listen_port=51820',
    'fwmark=51820',
    `public_key=${A}`,
    `preshared_key=${'0c'.repeat(32)}`,
    'protocol_version=1',
    'endpoint=[fe80::1%3]:7',
    'last_handshake_time_sec=1700000000',
    'last_handshake_time_nsec=250000000',
    'tx_bytes=12',
    'rx_bytes=1099511627776',
    'persistent_keepalive_interval=25',
    'allowed_ip=10.7.0.0/24',
    'allowed_ip=::/0',
    `public_key=${'bb'.repeat(32)}`,
    `preshared_key=${'00'.repeat(32)}`,
    'protocol_version=1',
    'last_handshake_time_sec=0',
    'last_handshake_time_nsec=0',
    'tx_bytes=0',
    'rx_bytes=0',
    'persistent_keepalive_interval=0',
    'errno=0',
    '',
    '',
  ];
  assert.equal(written(STATE).split('\n'), want);
  const bare = { privateKey: null, publicKey: null, listenPort: 0, fwmark: 0, peers: [] };
  assert.is(written(bare), 'errno=0\n\n');
  assert.is(Buffer.from(writeErrno(98)).toString(), 'errno=-98\n\n');
  assert.is(Buffer.from(writeErrno(0)).toString(), 'errno=0\n\n');
});

uapi('a large state comes in small pieces, and whole', () => {
  const many = Array.from({ length: 20_000 }, (_, i) => prefix(`2001:db8:${i.toString(16)}::/48`));
  const longest = `${'ffff:'.repeat(8).slice(0, -1)}/128`;
  const peers = Array.from({ length: 500 }, (_, i) => ({
    ...STATE.peers[0]!,
    allowedIps: i < 250 ? [prefix(longest)] : [],
  }));
  const state = { ...STATE, peers: [{ ...STATE.peers[0]!, allowedIps: many }, ...peers] };
  const pieces = [...writeState(state)];
  assert.ok(pieces.length > 10);
  assert.ok(pieces.every((piece) => piece.length > 0 && piece.length <= 32_768));
  const lines = Buffer.concat(pieces).toString('latin1').split('\n');
  assert.is(lines.filter((l) => l.startsWith('allowed_ip=2001:db8:')).length, 20_000);
  assert.is(lines.filter((l) => l === `allowed_ip=${longest}`).length, 250);
  assert.is(lines.filter((l) => l === `public_key=${A}`).length, 501);
});

uapi('what is written reads back as a change', () => {
  const skip = /^(protocol|last|tx|rx|errno)/;
  const lines = written(STATE)
    .split('\n')
    .filter((l) => l !== '' && !skip.test(l));
  const [request] = read(`set=1\n${lines.join('\n')}\n\n`);
  assert.equal(request, {
    kind: 'set',
    change: {
      privateKey: STATE.privateKey,
      listenPort: 51820,
      fwmark: 51820,
      peers: STATE.peers.map(({ publicKey, presharedKey, endpoint, keepalive, allowedIps }) => ({
        publicKey,
        presharedKey,
        keepalive,
        ...(endpoint && { endpoint }),
        ...(allowedIps.length > 0 && { allowedIps: allowedIps.map((one) => ({ prefix: one })) }),
      })),
    },
  });
});

uapi.run();
