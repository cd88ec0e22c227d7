// `kith guest add` and `kith guest remove`.

import { formatPrefix, parsePrefix } from '../bytes/address.js';
import { encodeKey } from '../bytes/base64.js';
import {
  type GuestKeys,
  type GuestPlace,
  guestConfiguration,
  guestPeer,
  guestPlace,
} from '../config/guest.js';
import { formatHost, parseHost, parseHostAlone } from '../config/host.js';
import type { Config } from '../config/schema.js';
import { NAME, safeName, suggestion } from '../config/words.js';
import { wipe } from '../crypto/secret.js';
import { publicKeyOf } from '../crypto/x25519.js';
import { clamp } from '../identity/seed.js';
import type { Handler, View } from './command.js';
import type { Context } from './context.js';
import { Failure } from './failure.js';

type AddGiven = Readonly<{
  name: string;
  qr: boolean;
  conf: boolean;
  endpoint?: string;
  allowedIps?: string;
}>;

type Added = Readonly<{
  name: string;
  publicKey: string;
  addresses: readonly string[];
  endpoint: string;
  configuration: string; // holds the guest's private key: for the asker alone
}>;

export const guestAdd: Handler<AddGiven, Added> = {
  async run(context, given) {
    checkName(given.name);
    const asked = given.allowedIps === undefined ? undefined : prefixes(given.allowedIps);
    const now = context.store.check((config) => vacant(config, given.name));
    const endpoint = await publicEndpoint(context, now, given.endpoint);
    const keys = makeKeys(context);
    const file = `${given.name}.psk`;
    let place: GuestPlace = { addresses: [], allowedIps: [] };
    const { config } = await context.store.update(
      (before) => {
        place = findPlace(vacant(before, given.name));
        place = context.mesh.guestPlace(place, keys.publicKey, before);
        const peer = guestPeer(given.name, keys, place, file);
        return { ...before, peers: [...before.peers, peer] };
      },
      [{ name: file, key: keys.presharedKey }],
    );
    const wanted = asked ? { ...place, allowedIps: asked } : place;
    const serverKey = context.store.publicKey();
    return {
      name: given.name,
      publicKey: keys.publicKey,
      addresses: place.addresses,
      endpoint,
      configuration: guestConfiguration(config, keys, wanted, serverKey, endpoint),
    };
  },
  async show(result, given, view) {
    const configuration = result.configuration.trimEnd();
    if (!given.qr && (given.conf || !view.terminal)) return configuration;
    return `${configuration}\n\n${await showQr(configuration, view)}`;
  },
};

type RemoveGiven = Readonly<{ name: string }>;

export const guestRemove: Handler<RemoveGiven, { name: string }> = {
  async run(context, { name }) {
    await context.store.update((before) => {
      const names = before.peers.map((peer) => peer.name);
      if (!names.includes(name))
        throw new Failure(`there is no peer "${name}"${suggestion(name, names)}`);
      return { ...before, peers: before.peers.filter((peer) => peer.name !== name) };
    });
    return { name };
  },
  show: (_result, { name }) => `${name} is no peer any more`,
};

function checkName(name: string): void {
  if (NAME.test(name)) return;
  const better = safeName(name, 'phone');
  throw new Failure(
    `"${name}" cannot be a name: 1 to 63 lower-case letters, digits and hyphens; ` +
      `how about ${better}?`,
  );
}

/** The private key exists as text only, in the one configuration that is shown. */
function makeKeys(context: Context): GuestKeys {
  const secret = clamp(context.random(32));
  const shared = context.random(32);
  const keys = {
    privateKey: encodeKey(secret),
    publicKey: encodeKey(publicKeyOf(secret)),
    presharedKey: encodeKey(shared),
  };
  wipe(secret, shared);
  return keys;
}

/** The configuration itself, if nobody in it has this name. */
function vacant(config: Config, name: string): Config {
  if (!config.peers.some((peer) => peer.name === name)) return config;
  throw new Failure(`there is a peer "${name}" already: take another name, or remove it`);
}

function findPlace(config: Config): GuestPlace {
  const place = guestPlace(config);
  if (place) return place;
  throw new Failure(
    config.interface.addresses.length === 0
      ? 'this node has no addresses to give from: set interface.addresses first'
      : 'no address is left: every one of interface.addresses is taken or has no room for guests',
  );
}

function prefixes(text: string): string[] {
  return text.split(',').map((one) => {
    const prefix = parsePrefix(one.trim());
    if (!prefix) throw new Failure(`--allowed-ips: "${one.trim()}" is no prefix`);
    return formatPrefix(prefix);
  });
}

/** As asked for, else as configured, else a guess, which is called one. */
async function publicEndpoint(context: Context, config: Config, asked?: string): Promise<string> {
  const given = asked ?? config.endpoint;
  const port = config.listen.port || (context.agent?.status().listen.port ?? 0);
  if (port === 0)
    throw new Failure('listen.port is 0, any free one: set one that guests can be told');
  if (given !== null) {
    const whole = parseHost(given);
    const host = whole ? undefined : parseHostAlone(given);
    if (whole) return formatHost(whole);
    if (host !== undefined) return formatHost({ host, port });
    throw new Failure(`--endpoint: "${given}" is no host and no host:port`);
  }
  const host = await context.guessAddress();
  if (host === undefined)
    throw new Failure('this machine has no address to tell: say where it is with --endpoint HOST');
  const guess = formatHost({ host, port });
  context.note(
    `Endpoint ${guess} is a guess. Where guests come from outside, give --endpoint HOST,`,
  );
  context.note('or set it once: kith config set endpoint HOST');
  return guess;
}

async function showQr(configuration: string, view: View): Promise<string> {
  const { qrText } = await import('./qr.js');
  const qr = qrText(configuration, view.color);
  if (view.terminal && (qr.columns > view.columns || qr.rows > view.rows))
    view.remark(
      `The QR code needs a window of ${qr.columns} columns and ${qr.rows} rows; this one has ` +
        `${view.columns} and ${view.rows}. Make it larger, or its letters smaller.`,
    );
  return qr.text;
}
