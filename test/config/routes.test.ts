import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatPrefix } from '../../agent/bytes/address.js';
import { planRoutes } from '../../agent/config/routes.js';
import { config, KEY_A, KEY_B } from './samples.js';

const routes = suite('config/routes');

const sample = config({
  interface: { addresses: ['10.7.0.1/24', 'fd00::1/64'] },
  peers: [
    { name: 'phone', publicKey: KEY_A, allowedIps: ['10.7.0.2/32', 'fd00::2/128'] },
    {
      name: 'cabin',
      publicKey: KEY_B,
      allowedIps: ['192.168.7.5/24', '0.0.0.0/0', '198.51.100.0/24', 'fd00::/48'],
    },
  ],
});
const endpoints = new Map([['x', { address: '198.51.100.9', port: 5 }]]);

routes(
  'what lies in our own prefix needs none, what would swallow the tunnel makes a detour',
  () => {
    const plan = planRoutes(sample, endpoints);
    assert.equal(plan.routes.map(formatPrefix), ['192.168.7.0/24', 'fd00::/48']);
    assert.equal(plan.detours.map(formatPrefix), ['0.0.0.0/0', '198.51.100.0/24']);
    assert.equal(plan.skipped, []);
  },
);

routes('without that endpoint it is a route like any other', () => {
  const plan = planRoutes(sample, new Map());
  assert.equal(plan.routes.map(formatPrefix), ['192.168.7.0/24', '198.51.100.0/24', 'fd00::/48']);
});

routes('all traffic goes to a peer when its name has an address, and not before', () => {
  const named = config({
    peers: [{ name: 'exit', publicKey: KEY_A, allowedIps: ['::/0'], endpoint: 'exit.example:7' }],
  });
  const before = planRoutes(named, new Map());
  assert.equal(before.detours, []);
  assert.equal(before.skipped, ['peers.exit: ::/0 is routed when exit.example:7 has an address']);
  const known = new Map([['exit.example:7', { address: '192.0.2.1', port: 7 }]]);
  assert.equal(planRoutes(named, known).detours.map(formatPrefix), ['::/0']);
});

routes.run();
