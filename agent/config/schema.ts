// The configuration of a node, kith.json. This one schema gives defaults, bounds, help, what is
// live.
//
// `apply` says what a change asks for: `live` is done at once by a running agent, `restart` is
// noted and done at the next start. `privileged` settings could let a stranger in, lock the owner
// out or give a secret away: from afar it takes an admin's signature to change them. Secrets are
// never in here, only the names of the files they lie in, so the configuration may be shown, sent
// and compared.

import * as v from 'valibot';
import { parseAddress, parsePrefix } from '../bytes/address.js';
import { decodeKey, KEY_TEXT } from '../bytes/base64.js';
import { BoardSchema } from './boardschema.js';
import { DashboardSchema } from './dashboardschema.js';
import { parseHost, parseHostAlone } from './host.js';
import { file, flag, name, text, whole } from './kinds.js';
import { MeshSchema } from './meshschema.js';
import { BrokerSchema, MqttSchema } from './mqttschema.js';
import { parseInterfaceAddress } from './prefixes.js';
import { SerialSchema } from './serialschema.js';
import { UpdateSchema } from './updateschema.js';

export const CONFIG_VERSION = 1;
export const DEFAULT_PORT = 51820;
export const PEERS_MAX = 10_000;
export const ALLOWED_IPS_MAX = 140_000; // at one peer; the routing table's own limit is near it

const key = v.pipe(
  v.string('must be a key in base64'),
  v.regex(KEY_TEXT, 'must be a key of 32 bytes in base64, as `wg pubkey` prints it'),
  v.check(
    (value) => decodeKey(value)?.some((byte) => byte !== 0) ?? false,
    'must not be all zeros',
  ),
);

const prefix = v.pipe(
  text(64, 'must be a prefix such as 10.7.0.2/32'),
  v.check((value) => parsePrefix(value) !== undefined, 'must be a prefix such as 10.7.0.2/32'),
);

const interfaceAddress = v.pipe(
  text(64, 'must be an address with a length, such as 10.7.0.1/24'),
  v.check(
    (value) => parseInterfaceAddress(value) !== undefined,
    'must be an address with a length, such as 10.7.0.1/24',
  ),
);

const BAD_HOST = 'must be host:port, such as home.example.org:51820 or [2001:db8::1]:51820';
const host = v.pipe(
  text(300, BAD_HOST),
  v.check((value) => parseHost(value) !== undefined, BAD_HOST),
);

const BAD_PUBLIC = 'must be a name or an address, with or without a port, such as home.example.org';
const publicHost = v.pipe(
  text(300, BAD_PUBLIC),
  v.check((value) => (parseHost(value) ?? parseHostAlone(value)) !== undefined, BAD_PUBLIC),
);

const address = v.pipe(
  text(64, 'must be an address'),
  v.check((value) => parseAddress(value) !== undefined, 'must be an address'),
);

export const PeerSchema = v.strictObject({
  name: v.pipe(name, v.description('what this peer is called here')),
  publicKey: v.pipe(key, v.description("the peer's WireGuard public key")),
  presharedKeyFile: v.pipe(
    v.optional(v.nullable(file), null),
    v.description('file with a preshared key, in the state folder unless absolute; null: none'),
  ),
  allowedIps: v.pipe(
    v.optional(
      v.pipe(
        v.array(prefix, 'must be a list of prefixes'),
        v.maxLength(ALLOWED_IPS_MAX, `must be at most ${ALLOWED_IPS_MAX} prefixes`),
      ),
      [],
    ),
    v.description('prefixes inside the tunnel that are routed to this peer, and taken from it'),
  ),
  endpoint: v.pipe(
    v.optional(v.nullable(host), null),
    v.description('where the peer is: host:port; null: wait until it speaks first'),
  ),
  keepalive: v.pipe(
    v.optional(whole(0, 65535), 0),
    v.description('seconds between keepalives that hold a NAT mapping open; 0: none'),
  ),
});

const ListenSchema = v.strictObject({
  port: v.pipe(
    v.optional(whole(0, 65535), DEFAULT_PORT),
    v.description('UDP port; 0: any free one'),
    v.metadata({ apply: 'live' }),
  ),
});

const BAD_INTERFACE = 'must be 1 to 15 letters, digits and _ = + . -';
const InterfaceSchema = v.strictObject({
  name: v.pipe(
    v.optional(
      v.pipe(v.string(BAD_INTERFACE), v.regex(/^(?!\.\.?$)[A-Za-z0-9_=+.-]{1,15}$/, BAD_INTERFACE)),
      'kith0',
    ),
    v.description('name of the network interface'),
    v.metadata({ apply: 'restart', privileged: true }), // with one that is taken nothing starts
  ),
  mtu: v.pipe(
    v.optional(whole(576, 65000), 1420),
    v.description('largest packet inside the tunnel, in bytes'),
    v.metadata({ apply: 'restart' }),
  ),
  addresses: v.pipe(
    v.optional(
      v.pipe(
        v.array(interfaceAddress, 'must be a list of addresses'),
        v.maxLength(64, 'must be at most 64 addresses'),
      ),
      [],
    ),
    v.description("this node's addresses inside the tunnel"),
    v.metadata({ apply: 'restart', privileged: true }), // the LAN's own would cut it off
  ),
});

const DataplaneSchema = v.strictObject({
  workers: v.pipe(
    v.optional(v.picklist(['auto', 1, 2], 'must be "auto", 1 or 2'), 'auto'),
    v.description('threads that move packets'),
    v.metadata({ apply: 'restart' }),
  ),
  tunSegmentation: v.pipe(
    v.optional(flag(), true),
    v.description('let the kernel hand over large TCP and UDP packets whole'),
    v.metadata({ apply: 'restart' }),
  ),
  udpSegmentation: v.pipe(
    v.optional(flag(), true),
    v.description('let the kernel split trains of datagrams on sending (UDP_SEGMENT)'),
    v.metadata({ apply: 'restart' }),
  ),
  udpReceive: v.pipe(
    v.optional(flag(), true),
    v.description('let the kernel join trains of datagrams on receiving (UDP_GRO)'),
    v.metadata({ apply: 'restart' }),
  ),
});

const GuestsSchema = v.strictObject({
  dns: v.pipe(
    v.optional(
      v.pipe(v.array(address, 'must be a list of addresses'), v.maxLength(8, 'must be at most 8')),
      [],
    ),
    v.description('DNS servers that guests are told to use; none: they keep their own'),
    v.metadata({ apply: 'live', privileged: true }), // a stranger's would see where they go
  ),
});

export const ConfigSchema = v.strictObject({
  version: v.pipe(
    v.literal(CONFIG_VERSION, `must be ${CONFIG_VERSION}`),
    v.description('version of this format'),
    v.metadata({ apply: 'restart' }),
  ),
  name: v.pipe(name, v.description('name of this node'), v.metadata({ apply: 'live' })),
  listen: v.optional(ListenSchema, {}),
  interface: v.optional(InterfaceSchema, {}),
  privateKeyFile: v.pipe(
    v.optional(v.nullable(file), null),
    v.description("file with another WireGuard private key; null: the node's own key"),
    v.metadata({ apply: 'restart', privileged: true }),
  ),
  cipher: v.pipe(
    v.optional(
      v.picklist(
        ['auto', 'noble', 'simd', 'openssl'],
        'must be "auto", "noble", "simd" or "openssl"',
      ),
      'auto',
    ),
    v.description('engine of ChaCha20-Poly1305; auto: the fastest that agrees with noble'),
    v.metadata({ apply: 'restart' }),
  ),
  dataplane: v.optional(DataplaneSchema, {}),
  endpoint: v.pipe(
    v.optional(v.nullable(publicHost), null),
    v.description('public name or address that guests are told, host or host:port; null: guess'),
    v.metadata({ apply: 'live' }),
  ),
  guests: v.optional(GuestsSchema, {}),
  mqtt: v.optional(MqttSchema, {}),
  broker: v.optional(BrokerSchema, {}),
  serial: v.optional(SerialSchema, {}),
  dashboard: v.optional(DashboardSchema, {}),
  mesh: v.optional(MeshSchema, {}),
  board: v.optional(BoardSchema, {}),
  update: v.optional(UpdateSchema, {}),
  peers: v.pipe(
    v.optional(
      v.pipe(
        v.array(PeerSchema, 'must be a list of peers'),
        v.maxLength(PEERS_MAX, `must be at most ${PEERS_MAX} peers`),
      ),
      [],
    ),
    v.description('the WireGuard peers of this node'),
    v.metadata({ apply: 'live', privileged: true }), // a peer more is a stranger let in
  ),
});

export type Config = v.InferOutput<typeof ConfigSchema>;
export type Peer = v.InferOutput<typeof PeerSchema>;
