import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { guestConfiguration, guestPeer, guestPlace } from '../../agent/config/guest.js';
import { config, KEY_A, KEY_B, KEY_C } from './samples.js';

const guest = suite('config/guest');

const keys = { privateKey: KEY_A, publicKey: KEY_B, presharedKey: KEY_C };
const home = config({ interface: { addresses: ['10.7.0.1/24', 'fd00::1/64'] } });

guest('the next place, and a peer without its private key', () => {
  const place = guestPlace(home);
  assert.equal(place, {
    addresses: ['10.7.0.2/32', 'fd00::2/128'],
    allowedIps: ['10.7.0.0/24', 'fd00::/64'],
  });
  const peer = guestPeer('phone', keys, place!, 'phone.psk');
  assert.not.match(JSON.stringify(peer), KEY_A);
  assert.not.match(JSON.stringify(peer), KEY_C);
  const next = guestPlace(config({ ...home, peers: [peer] }));
  assert.equal(next?.addresses, ['10.7.0.3/32', 'fd00::3/128']);
});

guest('the whole client configuration', () => {
  const told = { ...home, guests: { dns: ['10.7.0.1', 'fd00::1'] } };
  told.interface = { ...told.interface, mtu: 1380 };
  assert.is(
    guestConfiguration(told, keys, guestPlace(home)!, KEY_B, 'home.example.org:51820'),
    `[Interface]
PrivateKey = ${KEY_A}
Address = 10.7.0.2/32, fd00::2/128
DNS = 10.7.0.1, fd00::1
MTU = 1380

[Peer]
PublicKey = ${KEY_B}
PresharedKey = ${KEY_C}
Endpoint = home.example.org:51820
AllowedIPs = 10.7.0.0/24, fd00::/64
PersistentKeepalive = 25
`,
  );
});

guest('no DNS and no MTU where they are the usual ones', () => {
  const text = guestConfiguration(home, keys, guestPlace(home)!, KEY_B, 'x:5');
  assert.not.match(text, /DNS|MTU/);
});

guest('no addresses to give', () => assert.is(guestPlace(config()), undefined));

guest.run();
