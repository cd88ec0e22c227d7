import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Config } from '../../agent/config/schema.js';
import { isSame, isUciSetting, uciSettings, withUci } from '../../agent/config/uci.js';
import { checkConfig } from '../../agent/config/validate.js';

const config = (more: object = {}): Config => {
  const checked = checkConfig({ version: 1, name: 'cabin', ...more });
  if ('config' in checked) return checked.config;
  throw new Error(JSON.stringify(checked.problems));
};
const DEFAULTS = config();

const uci = suite('config/uci');

uci('only the name, and what differs from the defaults, in the words of UCI', () => {
  assert.equal(uciSettings(DEFAULTS, DEFAULTS), { 'node.name': 'cabin' });
  const other = config({
    listen: { port: 4000 },
    interface: { addresses: ['10.7.0.1/24', 'fd00:7::1/64'], mtu: 1400 },
    endpoint: 'home.example.org',
    mesh: { discovery: { lan: false } },
    dataplane: { workers: 2 },
    serial: { port: '/dev/ttyS0' },
    guests: { dns: ['10.7.0.1'] },
  });
  const settings = uciSettings(other, DEFAULTS);
  assert.equal(settings, {
    'node.name': 'cabin',
    'node.endpoint': 'home.example.org',
    'listen.port': '4000',
    'interface.addresses': ['10.7.0.1/24', 'fd00:7::1/64'],
    'interface.mtu': '1400',
    'dataplane.workers': '2',
    'guests.dns': ['10.7.0.1'],
    'serial.port': '/dev/ttyS0',
    'mesh_discovery.lan': '0',
  });
  assert.equal(withUci(DEFAULTS, {}, settings, DEFAULTS).config, other, 'and back');
});

uci('only what was changed in UCI is taken over', () => {
  const now = config({ listen: { port: 4000 }, cipher: 'simd', mesh: { portMapping: false } });
  const agreed = { 'node.name': 'cabin', 'listen.port': '5000', 'node.cipher': 'openssl' };
  const changed = (after: Record<string, string | string[]>) =>
    withUci(now, agreed, after, DEFAULTS);
  assert.equal(changed(agreed), { config: now, changed: [] }, 'kith.json alone was changed');
  const { 'node.cipher': _, ...without } = agreed;
  assert.equal(changed(without).config.cipher, 'auto', 'taken away in UCI: the default');
  assert.equal(changed({ ...agreed, 'listen.port': '6000' }), {
    config: { ...now, listen: { port: 6000 } },
    changed: ['listen.port'],
  });
  const flag = changed({ ...agreed, 'mesh.portMapping': '1' });
  assert.is(flag.config.mesh.portMapping, true);
});

uci('what does not read as its kind is left for the validation to say', () => {
  const { config: wrong } = withUci(DEFAULTS, {}, { 'listen.port': 'http' }, DEFAULTS);
  assert.equal(checkConfig(wrong), {
    problems: [{ path: 'listen.port', problem: 'must be a whole number from 0 to 65535' }],
  });
});

uci('a list of one is as a single value; other sections are none of ours', () => {
  assert.ok(isSame('a', ['a']));
  assert.not.ok(isSame(undefined, ['a']));
  assert.not.ok(isSame('a b', ['a', 'b']));
  assert.equal(
    ['main.enabled', 'reset.does', 'peers.0', 'node.version', 'node.name', 'mqtt.url'].filter(
      isUciSetting,
    ),
    ['node.name', 'mqtt.url'],
  );
});

uci.run();
