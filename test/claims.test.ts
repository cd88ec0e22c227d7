// Whose a prefix is: members of the mesh beside peers of the configuration.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatPrefix, type Prefix, parsePrefix } from '../agent/bytes/address.js';
import { Claims } from '../agent/claims.js';
import { AllowedIps } from '../agent/dataplane/allowedips.js';

const p = (text: string): Prefix => parsePrefix(text)!;
const STATIC = 1;
const [ANNA, BEN] = [2, 3];

function make() {
  const routes = new AllowedIps();
  const claims = new Claims({
    routes,
    isMember: (peer) => peer !== STATIC,
    isOverlay: ({ address }) => address.startsWith('100.70.'),
  });
  const set = (peer: number, ...all: string[]) => claims.set(peer, all.map(p)).map(formatPrefix);
  const gone = (peer: number) => {
    routes.removePeer(peer);
    claims.gone(peer);
  };
  return { routes, set, gone };
}

const claims = suite('claims');

claims('a member takes nothing from a peer of the configuration', () => {
  const { routes, set, gone } = make();
  routes.add(p('10.7.0.2/32'), STATIC);
  routes.add(p('192.168.9.0/24'), STATIC);
  const offered = ['10.7.0.2/32', '192.168.9.128/25', '10.7.0.0/16'];
  assert.equal(set(ANNA, ...offered), offered.slice(0, 2));
  assert.is(routes.lookup('10.7.0.2'), STATIC);
  assert.is(routes.lookup('192.168.9.200'), STATIC);
  assert.is(routes.lookup('10.7.0.3'), ANNA);
  gone(STATIC);
  assert.is(routes.lookup('10.7.0.2'), ANNA);
  assert.is(routes.lookup('192.168.9.200'), ANNA);
});

claims('overlay addresses and subnets are good beside an exit, and in a large prefix', () => {
  const { routes, set } = make();
  for (const exit of ['0.0.0.0/0', '0.0.0.0/1', '100.64.0.0/10']) routes.add(p(exit), STATIC);
  assert.equal(set(ANNA, '100.70.0.9/32', '10.1.0.0/16'), []);
  assert.is(routes.lookup('100.70.0.9'), ANNA);
  assert.is(routes.lookup('10.1.2.3'), ANNA);
  assert.equal(set(BEN, '100.64.7.0/24'), ['100.64.7.0/24']);
});

claims('of two members that offer the same the first has it, then the other', () => {
  const { routes, set, gone } = make();
  set(ANNA, '192.168.7.0/24', '100.70.0.1/32');
  assert.equal(set(BEN, '192.168.7.0/24', '100.70.0.2/32'), ['192.168.7.0/24']);
  assert.is(routes.lookup('192.168.7.1'), ANNA);
  set(ANNA, '100.70.0.1/32');
  assert.is(routes.lookup('192.168.7.1'), BEN);
  assert.equal(set(ANNA, '192.168.7.0/24', '100.70.0.1/32'), ['192.168.7.0/24']);
  gone(BEN);
  assert.is(routes.lookup('192.168.7.1'), ANNA);
  assert.is(routes.lookup('100.70.0.2'), undefined);
  gone(ANNA);
  assert.is(routes.size, 0);
});

claims.run();
