import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseQuick } from '../../agent/config/wgquick.js';
import { KEY_A, KEY_B, KEY_C, problems } from './samples.js';

const wgquick = suite('config/wgquick');

const FULL = `# made by hand
[Interface]
Address = 10.9.0.2/24, fd09::2/64   # ours
Address = 192.168.99.1
privatekey=${KEY_A}
ListenPort = 7000
MTU = 1380
DNS = 1.1.1.1, corp.example
FwMark = 0x51
PostUp = iptables -A FORWARD -i %i -j ACCEPT
SaveConfig = true
Table = off

# hub
[Peer]
PublicKey = ${KEY_B}
PresharedKey = ${KEY_C}
AllowedIPs = 10.9.0.0/24, 192.168.0.0/16
AllowedIPs = fd09::/64
Endpoint = hub.example.org:51820
PersistentKeepalive = 25

[Peer] # Anna's phone
PublicKey = ${KEY_C}
AllowedIPs =
PersistentKeepalive = off

[Peer]
# friendly_name = Cabin
PublicKey = ${KEY_A}
Endpoint = [2001:db8::1]:5
`;

wgquick('takes over what it can, and says what it cannot', () => {
  const read = parseQuick(FULL);
  assert.equal(read, {
    quick: {
      privateKey: KEY_A,
      port: 7000,
      mtu: 1380,
      addresses: ['10.9.0.2/24', 'fd09::2/64', '192.168.99.1'],
      peers: [
        {
          peer: {
            name: 'hub',
            presharedKeyFile: null,
            allowedIps: ['10.9.0.0/24', '192.168.0.0/16', 'fd09::/64'],
            publicKey: KEY_B,
            endpoint: 'hub.example.org:51820',
            keepalive: 25,
          },
          presharedKey: KEY_C,
        },
        {
          peer: {
            name: 'anna-s-phone',
            presharedKeyFile: null,
            allowedIps: [],
            publicKey: KEY_C,
            endpoint: null,
            keepalive: 0,
          },
          presharedKey: null,
        },
        {
          peer: {
            name: 'cabin',
            presharedKeyFile: null,
            allowedIps: [],
            publicKey: KEY_A,
            endpoint: '[2001:db8::1]:5',
            keepalive: 0,
          },
          presharedKey: null,
        },
      ],
      notes: [
        "line 8: DNS: this machine's resolver is left as it is",
        'line 9: FwMark: firewall marks are not taken over',
        'line 10: PostUp: scripts are not taken over',
        'line 11: SaveConfig: kith.json is only written by commands',
        'line 12: Table: the routing table is not taken over: routes go to the main table',
      ],
    },
  });
});

wgquick('its peers are peers of kith.json', () => {
  const read = parseQuick(FULL);
  const peers = 'quick' in read ? read.quick.peers.map(({ peer }) => peer) : [];
  assert.equal(problems({ version: 1, name: 'a', peers }), []);
});

wgquick('all problems with their lines, and no key among them', () => {
  const secret = 'yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBm';
  const read = parseQuick(`Address = 10.0.0.1
[Interface]
PrivateKey = ${secret}
ListenPort = 70000
Adress = 10.0.0.1/24
Address = 10.0.0.300
nonsense
[Interface]
[Peers]
[Peer]
PublicKey = ${KEY_B}
AllowedIPs = 10.0.0.0/33, 10.0.0.2
Endpoint = nowhere
PresharedKey = ${secret}
PersistentKeepalive = often
MTU =
[Peer]
PublicKey = ${KEY_B}
[Peer]
PublicKey = ${secret}
[Peer]
`);
  const lines = 'problems' in read ? read.problems.map((one) => `${one.line}: ${one.problem}`) : [];
  assert.equal(lines, [
    '1: Address stands before any section',
    '3: PrivateKey is no key',
    '4: ListenPort must be a whole number from 0 to 65535',
    '5: "Adress" is unknown in [Interface], did you mean "Address"?',
    '6: Address "10.0.0.300" is no address',
    '7: is no "key = value"',
    '8: a second [Interface] section',
    '9: is no section; there are [Interface] and [Peer]',
    '12: AllowedIPs "10.0.0.0/33" is no prefix',
    '13: Endpoint "nowhere" is no host:port',
    '14: PresharedKey is no key',
    '15: PersistentKeepalive must be a whole number from 0 to 65535',
    '16: MTU is empty',
    '20: PublicKey is no key',
    '1: PrivateKey is missing in [Interface]',
    '17: has the PublicKey of the peer at line 10',
    '21: PublicKey is missing in [Peer]',
  ]);
});

wgquick('peers without a name, and with the same one', () => {
  const peer = (comment: string, key: string) => `${comment}\n[Peer]\nPublicKey = ${key}\n`;
  const peers = [peer('', KEY_A), peer('# x', KEY_B), peer('# x', KEY_C)];
  const text = `[Interface]\nPrivateKey=${KEY_A}\n${peers.join('')}`;
  const read = parseQuick(text);
  const names = 'quick' in read ? read.quick.peers.map(({ peer }) => peer.name) : [];
  assert.equal(names, ['peer1', 'x', 'x-3']);
});

const words = [
  '[Interface]',
  '[Peer]',
  'PrivateKey',
  'PublicKey',
  'AllowedIPs',
  '=',
  '#',
  '\n',
  '\r\n',
];
words.push(KEY_A, KEY_B, '10.0.0.1/24', '/', ',', ' ', 'Endpoint', '[::1]:5', '__proto__', 'DNS');

wgquick('fuzz: any text is either taken over or has problems; nothing is thrown', () => {
  const soup = fc.array(fc.oneof(fc.constantFrom(...words), fc.string()), { maxLength: 40 });
  fc.assert(
    fc.property(soup, (parts) => {
      const read = parseQuick(parts.join(''));
      if ('problems' in read) return read.problems.length > 0 && read.problems.length <= 100;
      const peers = read.quick.peers.map(({ peer }) => peer);
      // What the reader lets pass, the schema knows; cross-field rules may still object.
      return problems({ version: 1, name: 'a', peers }).every((one) => one.includes('belongs to'));
    }),
    { numRuns: 500 },
  );
});

wgquick('fuzz: every truncation of a good file', () => {
  for (let length = 0; length < FULL.length; length++) parseQuick(FULL.slice(0, length));
});

wgquick.run();
