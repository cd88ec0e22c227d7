import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  checkConfig,
  formatProblem,
  PROBLEMS_MAX,
  parseConfig,
} from '../../agent/config/validate.js';
import { config, KEY_A, problems } from './samples.js';

const validate = suite('config/validate');

validate('the example of the design is a configuration', () => {
  const text = `{ "version": 1, "name": "cabin", "listen": { "port": 51820 },
    "interface": { "name": "kith0", "mtu": 1420, "addresses": ["10.7.0.1/24"] },
    "privateKeyFile": "wg.key",
    "peers": [ { "name": "phone", "publicKey": "${KEY_A}", "presharedKeyFile": null,
      "allowedIps": ["10.7.0.2/32"], "endpoint": "192.0.2.7:51820", "keepalive": 25 } ] }`;
  const checked = parseConfig(text);
  assert.ok('config' in checked);
  assert.is('config' in checked && checked.config.peers[0]?.keepalive, 25);
});

validate('defaults fill what is left out', () => {
  const { mesh, mqtt, broker, serial, dashboard, update, board, ...tunnel } = config();
  assert.equal([update.automatic, update.keys, update.url], ['download', [], null]);
  assert.equal(serial, { port: null, baudRate: 115200, pinFile: null });
  assert.is(mesh.discovery.lan, true);
  assert.is(mesh.discovery.mqtt, false);
  assert.equal([mqtt.enabled, mqtt.url, mqtt.privileged], [true, null, 'signed']);
  assert.equal([broker.enabled, broker.reach], ['auto', 'loopback']);
  assert.equal(dashboard, { enabled: true, listen: 'lan', port: 8377, metrics: false });
  assert.equal(board, { firewall: true, led: null });
  assert.equal(tunnel, {
    version: 1,
    name: 'cabin',
    listen: { port: 51820 },
    interface: { name: 'kith0', mtu: 1420, addresses: [] },
    privateKeyFile: null,
    cipher: 'auto',
    dataplane: {
      workers: 'auto',
      tunSegmentation: true,
      udpSegmentation: true,
      udpReceive: true,
    },
    endpoint: null,
    guests: { dns: [] },
    peers: [],
  });
});

validate('everything that is wrong comes at once', () => {
  const value = {
    version: 1,
    nmae: 'cabin',
    listen: { port: 70000, prot: 1 },
    interface: { name: 'kith0', mtu: 600, addresses: ['10.7.0.1/24', '10.7.0.9/24', 'fd00::1/64'] },
    cipher: 'aes',
    guests: [],
    peers: [
      { name: 'a', publicKey: KEY_A, allowedIps: ['10.7.0.2/32'], keepalive: 1.5 },
      { name: 'a', publicKey: KEY_A, allowedIps: ['10.7.0.2'], endpoint: 'nowhere' },
      { publicKey: 'secret', allowedIps: ['10.7.0.1/32', 'x'] },
      7,
    ],
  };
  assert.equal(problems(value).sort(), [
    'cipher: must be "auto", "noble", "simd" or "openssl"',
    'guests: must be an object',
    'interface.addresses.1: overlaps 10.7.0.1/24',
    'interface.mtu: must be at least 1280 for IPv6 addresses',
    'listen.port: must be a whole number from 0 to 65535',
    'listen.prot: is unknown, did you mean "port"?',
    'name: is missing',
    'nmae: is unknown, did you mean "name"?',
    'peers.0.keepalive: must be a whole number from 0 to 65535',
    'peers.1.allowedIps.0: 10.7.0.2/32 belongs to "a" too',
    'peers.1.endpoint: must be host:port, such as home.example.org:51820 or [2001:db8::1]:51820',
    'peers.1.name: is the name of "a" too',
    'peers.1.publicKey: is the public key of "a" too',
    "peers.2.allowedIps.0: 10.7.0.1/32 is this node's own address",
    'peers.2.allowedIps.1: must be a prefix such as 10.7.0.2/32',
    'peers.2.name: is missing',
    'peers.2.publicKey: must be a key of 32 bytes in base64, as `wg pubkey` prints it',
    'peers.3: must be an object',
  ]);
});

validate('a value that may be a key is never repeated', () => {
  const secret = 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk';
  for (const value of [
    { version: 1, name: 'a', peers: [{ name: secret, publicKey: secret, endpoint: secret }] },
    { version: 1, name: 'a', privateKey: secret },
  ])
    assert.not.match(problems(value).join(), secret);
});

const rows: Array<[string, unknown, string]> = [
  ['no object', 7, 'configuration: must be an object'],
  ['null', null, 'configuration: must be an object'],
  ['a list', [], 'configuration: must be an object'],
  [
    'a newer version',
    { version: 2, x: 1 },
    'version: 2 is newer than this kith understands (1): update kith',
  ],
  ['an older version', { version: 0, name: 'a' }, 'version: must be 1'],
  ['no version', { name: 'a' }, 'version: is missing'],
  [
    'a name in capitals',
    { version: 1, name: 'Cabin' },
    'name: must be 1 to 63 lower-case letters, digits and hyphens, as in a host name',
  ],
  [
    'an interface .',
    { version: 1, name: 'a', interface: { name: '..' } },
    'interface.name: must be 1 to 15 letters, digits and _ = + . -',
  ],
  [
    'a zero key',
    { version: 1, name: 'a', peers: [{ name: 'b', publicKey: `${'A'.repeat(43)}=` }] },
    'peers.0.publicKey: must not be all zeros',
  ],
  [
    'workers',
    { version: 1, name: 'a', dataplane: { workers: 3 } },
    'dataplane.workers: must be "auto", 1 or 2',
  ],
  [
    'a flag',
    { version: 1, name: 'a', dataplane: { udpReceive: 1 } },
    'dataplane.udpReceive: must be true or false',
  ],
  ['peers', { version: 1, name: 'a', peers: {} }, 'peers: must be a list of peers'],
  [
    'an empty file name',
    { version: 1, name: 'a', privateKeyFile: '' },
    'privateKeyFile: must be a file name',
  ],
];
for (const [name, value, want] of rows) {
  validate(`says what is wrong with ${name}`, () => assert.is(problems(value)[0], want));
}

const texts = [
  ['', 'configuration: is not JSON: it is empty'],
  ['{"a":', 'configuration: is not JSON: it ends too early'],
  ['{\n  "a": 1,\n  b\n}', 'configuration: is not JSON at line 3, column 3'],
] as const;
for (const [text, want] of texts) {
  validate(`not JSON: ${JSON.stringify(text)}`, () => {
    const checked = parseConfig(text);
    assert.equal('problems' in checked && checked.problems.map(formatProblem), [want]);
  });
}

validate('hostile sizes give a bounded list', () => {
  const keys = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, i]));
  const peers = Array.from({ length: 50 }, () => ({ ...keys, name: 1 }));
  const many = problems({ version: 1, name: 'a', peers });
  assert.is(many.length, PROBLEMS_MAX + 1);
  assert.ok(problems({ ...keys, ['x'.repeat(1e6)]: 1 }).every((line) => line.length < 300));
});

validate('no terminal is moved by a key', () => {
  assert.not.match(problems({ '\x1b[2J': 1 }).join(), '\x1b');
});

validate('deep nesting is only a problem', () => {
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  assert.ok('problems' in parseConfig(`{"version":1,"name":"a","peers":${deep}}`));
});

const keys = ['version', 'name', 'listen', 'interface', 'peers', 'cipher', 'port', 'addresses'];
const value = fc.object({
  key: fc.constantFrom(...keys, '__proto__', 'constructor', 'x'),
  values: [fc.constantFrom(null, true, 1, -1, 1.5, 1e300, '', 'a', '10.0.0.1/24', KEY_A)],
  maxDepth: 4,
  maxKeys: 6,
  withObjectString: false,
});

validate('fuzz: any JSON is either a configuration or has problems; nothing is thrown', () => {
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), value), (any) => {
      const checked = checkConfig(any);
      if ('config' in checked) return 'config' in checkConfig(checked.config);
      return checked.problems.length > 0 && checked.problems.every((one) => one.problem !== '');
    }),
    { numRuns: 2000 },
  );
});

validate('fuzz: any text', () => {
  fc.assert(fc.property(fc.string(), (text) => 'problems' in parseConfig(text)));
});

validate.run();
