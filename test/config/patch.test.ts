import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { patchedConfig, privilegedPaths } from '../../agent/config/patch.js';
import { type Config, ConfigSchema } from '../../agent/config/schema.js';
import {
  entryNames,
  entryOf,
  isPrivileged,
  type Shape,
  shapeOf,
} from '../../agent/config/shape.js';
import { formatProblem } from '../../agent/config/validate.js';
import { config, KEY_A, KEY_B } from './samples.js';

const before = config({
  listen: { port: 7 },
  peers: [{ name: 'phone', publicKey: KEY_A }],
  mqtt: { url: 'mqtt://broker.example' },
});

function patched(patch: unknown): Config {
  const changed = patchedConfig(before, patch);
  if ('config' in changed) return changed.config;
  throw new Error(changed.problems.map(formatProblem).join('\n'));
}

function problems(patch: unknown): string[] {
  const changed = patchedConfig(before, patch);
  return 'problems' in changed ? changed.problems.map(formatProblem) : [];
}

const patch = suite('config/patch');

patch('what is named is set, the rest stays', () => {
  const after = patched({ name: 'hut', mqtt: { intervalSeconds: 5 } });
  const mqtt = { ...before.mqtt, intervalSeconds: 5 };
  assert.equal(after, { ...before, name: 'hut', mqtt });
  assert.is(before.name, 'cabin');
});

patch('an empty patch changes nothing', () => assert.equal(patched({}), before));

patch('null brings the default back, and is a value where null is one', () => {
  assert.is(patched({ listen: { port: null } }).listen.port, 51820);
  assert.equal(patched({ listen: null }).listen, { port: 51820 });
  assert.is(patched({ mqtt: { url: null } }).mqtt.url, null);
  assert.is(patched({ mqtt: { discoveryPrefix: null } }).mqtt.discoveryPrefix, null);
  assert.equal(problems({ name: null }), ['name: is missing']);
});

patch('a list is replaced whole', () => {
  const after = patched({ peers: [{ name: 'laptop', publicKey: KEY_B }] });
  assert.equal(
    after.peers.map((peer) => peer.name),
    ['laptop'],
  );
});

patch('all problems come at once', () => {
  assert.equal(problems({ name: 'No Good', listen: { port: -1, prot: 1 }, mqtt: 5 }), [
    'listen.prot: is unknown, did you mean "port"?',
    'name: must be 1 to 63 lower-case letters, digits and hyphens, as in a host name',
    'listen.port: must be a whole number from 0 to 65535',
    'mqtt: must be an object',
  ]);
});

patch('what is no patch is said so', () => {
  for (const value of [null, 5, 'x', true, [], undefined])
    assert.equal(problems(value), ['configuration: the patch must be an object of settings']);
});

patch('a hostile patch reaches nothing but the configuration', () => {
  const hostile = JSON.parse('{"__proto__": {"polluted": 1}, "constructor": {"prototype": 1}}');
  assert.equal(problems(hostile), ['__proto__: is unknown', 'constructor: is unknown']);
  assert.is(({} as { polluted?: number }).polluted, undefined);
  let deep: unknown = 1;
  for (let i = 0; i < 5000; i++) deep = { listen: deep };
  assert.equal(problems(deep), ['listen.listen: is unknown']);
});

patch('privileged settings are found, each by its path', () => {
  const found = (value: unknown) => privilegedPaths(before, patched(value));
  assert.equal(found({ name: 'hut', mqtt: { url: null, intervalSeconds: 3 } }), []);
  assert.equal(found({ mqtt: { privileged: 'open', passwordFile: 'x', allow: 'look' } }), [
    'mqtt.passwordFile',
    'mqtt.allow',
    'mqtt.privileged',
  ]);
  assert.equal(found({ peers: [], privateKeyFile: 'x', broker: { reach: 'lan' } }), [
    'privateKeyFile',
    'broker.reach',
    'peers',
  ]);
});

patch('whatever names a file, or who may come in, is privileged', () => {
  const plain: string[] = [];
  const walk = (shape: Shape, path: string) => {
    if (isPrivileged(shape)) return;
    for (const name of entryNames(shape)) {
      const entry = entryOf(shape, name);
      if (!entry || isPrivileged(entry)) continue;
      if (/File$|[pP]in$|[pP]assword|^listen$|^reach$/.test(name) && entryNames(entry).length === 0)
        plain.push(`${path}${name}`);
      walk(entry, `${path}${name}.`);
    }
  };
  walk(shapeOf(ConfigSchema), '');
  assert.equal(plain, []);
});

patch.run();
