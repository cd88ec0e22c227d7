// What a tunnel does before it is started; started ones are in lab/.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PEERS_MAX } from '../agent/dataplane/layout.js';
import type { Overlay } from '../agent/driver.js';
import { OFFLOADS_ALL, Tunnel } from '../agent/tunnel.js';
import { seeded } from './wireguard/pair.js';

const tunnel = suite('tunnel');

function make(): Tunnel {
  return new Tunnel({
    interfaceName: 'none',
    mtu: 1420,
    cipher: 'noble',
    workers: 1,
    offloads: OFFLOADS_ALL,
    saveCeiling: () => {},
    log: () => {},
    onGone: () => {},
  });
}

function keyOf(number: number): Uint8Array {
  const key = new Uint8Array(32).fill(9);
  new DataView(key.buffer).setUint32(0, number);
  return key;
}

tunnel('one peer more than there is room for is refused; the others stay as they are', () => {
  const t = make();
  const peers = Array.from({ length: PEERS_MAX }, (_, i) => ({ publicKey: keyOf(i) }));
  t.apply({ peers });
  const more = { peers: [{ publicKey: keyOf(PEERS_MAX) }] };
  assert.throws(() => t.apply(more), /no room for more than 8192 peers/);
  assert.is(t.state().peers.length, PEERS_MAX);
  t.apply({ peers: [{ publicKey: keyOf(5), remove: true }] });
  t.apply(more);
  assert.is(t.state().peers.length, PEERS_MAX);
});

tunnel('another mark routes another way: no peer stays with its old source address', () => {
  const t = make();
  const publicKey = seeded(1).bytes(32);
  t.apply({ fwmark: 7, peers: [{ publicKey, endpoint: { address: '192.0.2.1', port: 5 } }] });
  const source = { address: '198.51.100.1', interfaceIndex: 3 };
  const place = { slot: 0, endpoint: { address: '192.0.2.1', port: 5 }, source, channel: 0 };
  t.device.onRoamed(0, place);
  t.apply({ fwmark: 7 });
  assert.equal(t.device.view(0).place, place, 'the same mark changes nothing');
  t.apply({ fwmark: 8 });
  assert.equal(t.device.view(0).place, { ...place, source: null });
});

/** A mesh that has this peer and notes what it is told. */
function meshOf(member: number, gone: number[] = []): Overlay {
  return {
    onWant: () => {},
    onActive: () => {},
    onEffect: () => {},
    onEvent: () => {},
    onGone: (peer) => gone.push(peer),
    isMember: (peer) => peer === member,
  };
}

tunnel('rows of members are out of reach for `wg set` and for kith.json', () => {
  const t = make();
  const publicKey = keyOf(1);
  const added = t.device.addPeer(publicKey, { member: true })!;
  t.perform(added.effects);
  t.attach(meshOf(added.peer));
  const prefix = { address: '10.9.0.0', length: 16 };
  t.plane.routes.add(prefix, added.peer);
  t.apply({ peers: [{ publicKey, remove: true }] });
  t.apply({ peers: [{ publicKey, updateOnly: true, replaceAllowedIps: true }] });
  t.apply({ replacePeers: true });
  assert.is(t.device.findPeer(publicKey), added.peer);
  const other = { publicKey: keyOf(2) };
  assert.throws(
    () => t.apply({ peers: [other, { publicKey, replaceAllowedIps: true }] }),
    /is a member of the mesh already/,
  );
  assert.is(t.device.findPeer(keyOf(2)), undefined, 'nothing of it was applied');
  assert.equal(t.plane.routes.list(added.peer), [prefix]);
});

tunnel.run();
