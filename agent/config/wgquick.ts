// Reading a wg-quick configuration (wg(8), wg-quick(8)): sections, `key = value` lines, `#`
// comments. What cannot be taken over is said; what is wrong is said with its line, all of it at
// once.

import { parsePrefix } from '../bytes/address.js';
import { decodeKey } from '../bytes/base64.js';
import { parseHost } from './host.js';
import { parseInterfaceAddress } from './prefixes.js';
import { ALLOWED_IPS_MAX, DEFAULT_PORT, PEERS_MAX, type Peer } from './schema.js';
import { safeName, suggestion } from './words.js';

export type LineProblem = Readonly<{ line: number; problem: string }>;

/**
 * A peer as the file has it; its preshared key is still base64 text, for the caller to file away.
 */
export type QuickPeer = Readonly<{ peer: Peer; presharedKey: string | null }>;

export type Quick = Readonly<{
  privateKey: string; // base64
  port: number;
  mtu: number | null;
  addresses: readonly string[];
  peers: readonly QuickPeer[];
  /** `line N: …` for each setting that is not taken over. */
  notes: readonly string[];
}>;

export type QuickResult = Readonly<{ quick: Quick } | { problems: readonly LineProblem[] }>;

export const LINES_MAX = 200_000;
const PROBLEMS_MAX = 100;
const VALUE_MAX = 4_000_000; // one line may hold all allowed IPs of a peer

// What wg-quick does to the machine around the tunnel, which kith does in its own way or not at
// all.
const NOT_TAKEN: Readonly<Record<string, string>> = {
  dns: "this machine's resolver is left as it is",
  fwmark: 'firewall marks are not taken over',
  table: 'the routing table is not taken over: routes go to the main table',
  preup: 'scripts are not taken over',
  postup: 'scripts are not taken over',
  predown: 'scripts are not taken over',
  postdown: 'scripts are not taken over',
  saveconfig: 'kith.json is only written by commands',
};

const INTERFACE_KEYS = ['PrivateKey', 'ListenPort', 'Address', 'DNS', 'MTU', 'FwMark', 'Table'];
const PEER_KEYS = ['PublicKey', 'PresharedKey', 'AllowedIPs', 'Endpoint', 'PersistentKeepalive'];

type Draft = {
  line: number;
  name: string;
  publicKey: string;
  presharedKey: string | null;
  allowedIps: string[];
  endpoint: string | null;
  keepalive: number;
};

export function parseQuick(text: string): QuickResult {
  const reader = new QuickReader();
  const lines = text.split('\n');
  for (const [i, line] of lines.slice(0, LINES_MAX).entries()) reader.read(i + 1, line);
  if (lines.length > LINES_MAX) reader.fail(LINES_MAX, `more than ${LINES_MAX} lines`);
  return reader.finish();
}

class QuickReader {
  private section: 'none' | 'interface' | 'peer' = 'none';
  private seenInterface = false;
  private privateKey = '';
  private port: number | null = null;
  private mtu: number | null = null;
  private readonly addresses: string[] = [];
  private readonly peers: Draft[] = [];
  private readonly notes: string[] = [];
  private readonly problems: LineProblem[] = [];
  private heading = ''; // the last comment before a section, often the peer's name

  read(line: number, text: string): void {
    const comment = /#\s*(.*)$/.exec(text)?.[1]?.trim() ?? '';
    const bare = text.replace(/#.*$/, '').trim();
    if (bare === '') this.comment(comment);
    else if (bare.startsWith('[')) this.open(line, bare.toLowerCase(), comment);
    else this.setting(line, bare);
  }

  private setting(line: number, bare: string): void {
    const parts = /^([A-Za-z]+)\s*=\s*(.*)$/.exec(bare);
    const [, key = '', value = ''] = parts ?? [];
    if (!parts || bare.length > VALUE_MAX) this.fail(line, 'is no "key = value"');
    else if (value === '' && key.toLowerCase() !== 'allowedips') this.fail(line, `${key} is empty`);
    else if (this.section === 'none') this.fail(line, `${key} stands before any section`);
    else if (this.section === 'interface') this.interfaceLine(line, key, value);
    else this.peerLine(line, key, value);
  }

  fail(line: number, problem: string): void {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push({ line, problem });
  }

  finish(): QuickResult {
    if (!this.seenInterface) this.fail(1, 'there is no [Interface] section');
    else if (this.privateKey === '') this.fail(1, 'PrivateKey is missing in [Interface]');
    const names = new Set<string>();
    const keys = new Map<string, number>();
    const peers = this.peers.map((draft, i) => this.peer(draft, i, names, keys));
    if (this.problems.length > 0) return { problems: this.problems };
    const { privateKey, mtu, addresses, notes } = this;
    // Without a ListenPort wg-quick takes any free port; a node that guests find needs a fixed one.
    return {
      quick: { privateKey, port: this.port ?? DEFAULT_PORT, mtu, addresses, peers, notes },
    };
  }

  private comment(text: string): void {
    const named = /^(?:friendly_)?name\s*=\s*(.+)$/i.exec(text)?.[1] ?? text;
    const peer = this.section === 'peer' ? this.peers.at(-1) : undefined;
    if (peer && peer.name === '' && peer.publicKey === '') peer.name = named;
    else if (text !== '') this.heading = named;
  }

  private open(line: number, heading: string, comment: string): void {
    if (heading === '[interface]') {
      if (this.seenInterface) this.fail(line, 'a second [Interface] section');
      this.seenInterface = true;
      this.section = 'interface';
    } else if (heading === '[peer]' && this.peers.length >= PEERS_MAX) {
      this.fail(line, `more than ${PEERS_MAX} peers`);
    } else if (heading === '[peer]') {
      this.section = 'peer';
      const name = comment || this.heading;
      const rest = { publicKey: '', presharedKey: null, endpoint: null, keepalive: 0 };
      this.peers.push({ line, name, allowedIps: [], ...rest });
    } else {
      this.fail(line, 'is no section; there are [Interface] and [Peer]');
    }
    this.heading = '';
  }

  private interfaceLine(line: number, key: string, value: string): void {
    const low = key.toLowerCase();
    const reason = Object.hasOwn(NOT_TAKEN, low) ? NOT_TAKEN[low] : undefined;
    if (reason !== undefined) {
      this.notes.push(`line ${line}: ${key}: ${reason}`);
      return;
    }
    switch (low) {
      case 'privatekey':
        if (decodeKey(value)) this.privateKey = value;
        else this.fail(line, 'PrivateKey is no key'); // never quoted
        return;
      case 'listenport':
        this.port = this.number(line, key, value, 0, 65535);
        return;
      case 'mtu':
        this.mtu = this.number(line, key, value, 576, 65000);
        return;
      case 'address':
        for (const one of items(value))
          if (parseInterfaceAddress(one)) this.addresses.push(one);
          else this.fail(line, `Address ${quote(one)} is no address`);
        return;
      default:
        this.fail(
          line,
          `${quote(key)} is unknown in [Interface]${suggestion(key, INTERFACE_KEYS)}`,
        );
    }
  }

  private peerLine(line: number, key: string, value: string): void {
    const peer = this.peers.at(-1);
    if (!peer) return;
    switch (key.toLowerCase()) {
      case 'publickey':
        if (decodeKey(value)) peer.publicKey = value;
        else this.fail(line, 'PublicKey is no key');
        peer.publicKey ||= `line ${line}`; // so that it does not count as missing besides
        return;
      case 'presharedkey':
        if (decodeKey(value)) peer.presharedKey = value;
        else this.fail(line, 'PresharedKey is no key'); // never quoted
        return;
      case 'allowedips':
        this.allowedIps(line, peer, value);
        return;
      case 'endpoint':
        if (parseHost(value)) peer.endpoint = value;
        else this.fail(line, `Endpoint ${quote(value)} is no host:port`);
        return;
      case 'persistentkeepalive':
        if (value.toLowerCase() === 'off') peer.keepalive = 0;
        else peer.keepalive = this.number(line, key, value, 0, 65535) ?? 0;
        return;
      default:
        this.fail(line, `${quote(key)} is unknown in [Peer]${suggestion(key, PEER_KEYS)}`);
    }
  }

  private allowedIps(line: number, peer: Draft, value: string): void {
    for (const one of items(value)) {
      if (!parsePrefix(one)) this.fail(line, `AllowedIPs ${quote(one)} is no prefix`);
      else if (peer.allowedIps.length < ALLOWED_IPS_MAX) peer.allowedIps.push(one);
    }
  }

  private number(line: number, key: string, value: string, least: number, most: number) {
    const number = /^\d{1,6}$/.test(value) ? Number(value) : -1;
    if (number >= least && number <= most) return number;
    this.fail(line, `${key} must be a whole number from ${least} to ${most}`);
    return null;
  }

  private peer(draft: Draft, i: number, names: Set<string>, keys: Map<string, number>): QuickPeer {
    const { line, name, presharedKey, ...rest } = draft;
    const before = keys.get(draft.publicKey);
    if (draft.publicKey === '') this.fail(line, 'PublicKey is missing in [Peer]');
    else if (before !== undefined)
      this.fail(line, `has the PublicKey of the peer at line ${before}`);
    keys.set(draft.publicKey, line);
    const stem = safeName(name, `peer${i + 1}`)
      .slice(0, 56)
      .replace(/-$/, '');
    let chosen = stem;
    for (let n = i + 1; names.has(chosen); n++) chosen = `${stem}-${n}`;
    names.add(chosen);
    return { peer: { name: chosen, presharedKeyFile: null, ...rest }, presharedKey };
  }
}

function items(value: string): string[] {
  return value
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
