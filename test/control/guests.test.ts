// Where a guest is in a mesh, and what its host says of it there.

import { randomBytes } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatPrefix } from '../../agent/bytes/address.js';
import { guestHosts, placeInMesh } from '../../agent/control/guests.js';
import { ownProfile } from '../../agent/identity/door.js';
import { TestMesh } from '../identity/meshes.js';

const guests = suite('control/guests');
const PLACE = {
  addresses: ['100.80.1.2/32', 'fd00::2/128'],
  allowedIps: ['100.80.1.0/24', 'fd00::/64'],
};

type Peers = Parameters<typeof guestHosts>[0];
const carrying = (...allowedIps: string[]) =>
  ({ peers: allowedIps.map((one) => ({ allowedIps: [one] })) }) as unknown as Peers;

guests('an address of the mesh that nobody has, and the mesh behind it', () => {
  const mesh = new TestMesh();
  const { roster, founder } = mesh;
  const key = new Uint8Array(randomBytes(32));
  const first = placeInMesh(PLACE, key, carrying(), roster);
  const ipv4 = formatPrefix(roster.policy!.ipv4);
  assert.equal(first.allowedIps, [...PLACE.allowedIps, ipv4]);
  const [address = '', six] = first.addresses;
  assert.is(six, 'fd00::2/128');
  const [host = -1] = guestHosts(carrying('10.0.0.0/8', address, '100.80.1.2/32'), roster);
  assert.ok(host > 0);
  // The same again: another guest of ours has it, then another member.
  const second = placeInMesh(PLACE, key, carrying(address), roster).addresses[0];
  assert.is.not(second, address);
  roster.add([ownProfile(roster, founder.signer, { guests: [host] }, mesh.now + 5_000)]);
  assert.is(roster.member(founder.node)?.guests.map(formatPrefix).join(), address);
  assert.is(placeInMesh(PLACE, key, carrying(), roster).addresses[0], second);
});

guests('without a mesh, and with as many as a profile can name, it is where it was', () => {
  const { roster } = new TestMesh();
  const key = new Uint8Array(32);
  assert.is(placeInMesh(PLACE, key, carrying(), undefined), PLACE);
  const prefix = roster.policy!.ipv4.address.split('.').slice(0, 2).join('.');
  const many = Array.from({ length: 70 }, (_, i) => `${prefix}.7.${i + 1}/32`);
  assert.is(guestHosts(carrying(...many), roster).length, 64);
  assert.is(placeInMesh(PLACE, key, carrying(...many), roster), PLACE);
});

guests.run();
