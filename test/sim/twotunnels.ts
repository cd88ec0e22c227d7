// Two tunnels that shake hands and carry a packet, for standin.test.ts: once with real cryptography
// and once with the stand-ins. Prints what went over the wire.

import { addressBytes, type Place } from '../../agent/bytes/address.js';
import { publicKeyOf } from '../../agent/crypto/x25519.js';
import { Random } from '../lab/random.js';
import { SimTunnel } from './tunnel.js';

const random = new Random(9);
const bytes = (count: number) => random.bytes(count);
const keys = [bytes(32), bytes(32)].map((key) => ({ key, publicKey: publicKeyOf(key) }));
const wire: string[] = [];
const delivered: string[] = [];
const place = (n: number): Place => {
  return { slot: 0, endpoint: { address: `192.0.2.${n}`, port: 1 }, source: null, channel: 0 };
};

let now = 1_000;
const tunnels = keys.map(({ key }, i) => {
  const above = {
    onStranger: () => {},
    onWant: () => {},
    onActive: () => {},
    onEffect: () => {},
    onEvent: () => {},
  };
  return new SimTunnel(
    {
      privateKey: Uint8Array.from(key),
      random: bytes,
      ceiling: undefined,
      saveCeiling: () => {},
      send(datagram) {
        wire.push(`${datagram[0]}:${datagram.length}`);
        const copy = Uint8Array.from(datagram);
        queue.push(() => tunnels[1 - i]!.receive(copy, place(i)));
      },
      deliver: (packet) => delivered.push(Buffer.from(packet.subarray(40)).toString()),
      above,
    },
    () => ({ now, wall: 1_800_000_000_000 + now }),
  );
});
const queue: (() => void)[] = [];

for (const [i, tunnel] of tunnels.entries()) {
  tunnel.start();
  const added = tunnel.device.addPeer(keys[1 - i]!.publicKey);
  tunnel.perform(added!.effects);
  tunnel.allow(added!.peer, [{ address: `fd00::${2 - i}`, length: 128 }]);
  if (i === 0) tunnel.perform(tunnel.device.setPlace(added!.peer, place(1), now, now));
}
const packet = new Uint8Array(45);
packet.set([0x60, 0, 0, 0, 0, 5, 59, 64]);
packet.set(addressBytes('fd00::1'), 8);
packet.set(addressBytes('fd00::2'), 24);
packet.set(Buffer.from('hello'), 40);
tunnels[0]!.inside(packet);
for (let next = queue.shift(); next; next = queue.shift()) {
  now += 10;
  next();
}
console.log(JSON.stringify({ wire, delivered }));
