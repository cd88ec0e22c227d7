// What a tunnel does before it is started; started ones are in lab/.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PEERS_MAX } from '../agent/dataplane/layout.js';
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

tunnel.run();
