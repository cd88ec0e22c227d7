import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { restartPaths, valueAt, withValueAt } from '../../agent/config/path.js';
import { formatProblem } from '../../agent/config/validate.js';
import { config, KEY_A, KEY_B } from './samples.js';

const sample = config({
  interface: { addresses: ['10.7.0.1/24'] },
  peers: [
    { name: 'phone', publicKey: KEY_A, allowedIps: ['10.7.0.2/32'], endpoint: 'phone.example:5' },
    { name: 'laptop', publicKey: KEY_B },
  ],
});

const path = suite('config/path');

const values: Array<[string, unknown]> = [
  ['', sample],
  ['listen.port', 51820],
  ['peers.phone.endpoint', 'phone.example:5'],
  ['peers.1.name', 'laptop'],
  ['peers.0.allowedIps.0', '10.7.0.2/32'],
  ['privateKeyFile', null],
];
for (const [at, want] of values) {
  path(`value at "${at}"`, () => assert.equal(valueAt(sample, at), { value: want }));
}

const nothing = [
  ['listen.prot', 'listen.prot: is unknown, did you mean "port"?'],
  ['peers.phnoe', 'peers.phnoe: there is none, did you mean "phone"?'],
  ['peers.2', 'peers.2: there is none'],
  ['listen.port.x', 'listen.port.x: has no settings inside'],
  ['__proto__', '__proto__: is unknown'],
  ['peers.phone.constructor', 'peers.phone.constructor: is unknown'],
] as const;
for (const [at, want] of nothing) {
  path(`nothing at "${at}"`, () => {
    const found = valueAt(sample, at);
    assert.is('problem' in found && formatProblem(found.problem), want);
    const set = withValueAt(sample, `${at}`, '1');
    if (at !== 'peers.2' && at !== 'peers.phnoe')
      assert.equal('problems' in set && set.problems.map(formatProblem), [want]);
  });
}

const changes: Array<[string, string, unknown]> = [
  ['listen.port', '51821', 51821],
  ['cipher', 'noble', 'noble'],
  ['dataplane.workers', '2', 2],
  ['dataplane.workers', 'auto', 'auto'],
  ['dataplane.udpReceive', 'false', false],
  ['endpoint', 'home.example.org', 'home.example.org'],
  ['endpoint', 'null', null],
  ['interface.addresses', '10.8.0.1/24, fd00::1/64', ['10.8.0.1/24', 'fd00::1/64']],
  ['interface.addresses', '["10.8.0.1/24"]', ['10.8.0.1/24']],
  ['interface.addresses', '', []],
  ['peers.phone.keepalive', '25', 25],
  ['peers.0.allowedIps.0', '10.7.0.3/32', '10.7.0.3/32'],
  ['peers', '[]', []],
];
for (const [at, text, want] of changes) {
  path(`${at} becomes ${text}`, () => {
    const before = structuredClone(sample);
    const changed = withValueAt(sample, at, text);
    assert.ok('config' in changed, JSON.stringify(changed));
    assert.equal('config' in changed && valueAt(changed.config, at), { value: want });
    assert.equal(sample, before, 'the old one is left alone');
  });
}

path('a whole peer is appended under its name', () => {
  const changed = withValueAt(
    sample,
    'peers.cabin',
    `{"publicKey": "${KEY_A.replace('xT', 'xU')}"}`,
  );
  assert.equal('config' in changed && changed.config.peers.map((peer) => peer.name), [
    'phone',
    'laptop',
    'cabin',
  ]);
});

const refused = [
  ['listen.port', '5x', 'listen.port: must be a whole number from 0 to 65535'],
  ['listen.port', '', 'listen.port: must be a whole number from 0 to 65535'],
  ['name', 'null', undefined],
  ['listen', '{"prot": 5}', 'listen.prot: is unknown, did you mean "port"?'],
  ['peers', '{', 'peers: must be a list of peers'],
  ['peers.laptop.name', 'phone', 'peers.1.name: is the name of "phone" too'],
  ['peers.9.name', 'x', 'peers.9: there is none'],
  ['', 'x', 'configuration: which setting?'],
] as const;
for (const [at, text, want] of refused) {
  path(`"${at}" is not set to "${text}"`, () => {
    const changed = withValueAt(sample, at, text);
    if (want === undefined) assert.ok('config' in changed, '"null" is a name like any other');
    else assert.equal('problems' in changed && changed.problems.map(formatProblem), [want]);
  });
}

path('what needs a restart is told from what does not', () => {
  const live = config({ ...sample, name: 'hut', listen: { port: 5 }, peers: [], endpoint: 'x.y' });
  assert.equal(restartPaths(sample, live), []);
  const rest = config({
    ...sample,
    interface: { ...sample.interface, mtu: 1280 },
    cipher: 'noble',
    dataplane: { ...sample.dataplane, workers: 1 },
    privateKeyFile: 'x',
  });
  assert.equal(restartPaths(sample, rest).sort(), [
    'cipher',
    'dataplane.workers',
    'interface.mtu',
    'privateKeyFile',
  ]);
});

path.run();
