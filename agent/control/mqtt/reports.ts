// What the node tells of itself: its status and each of its peers, when it matters at once, else at
// an interval. Where peers are (their endpoints) is not told: a broker is no tracker.

import type { PeerStatus, Status } from '../../commands/context.js';
import { labelOf } from '../../commands/label.js';
import type { Config } from '../../config/schema.js';
import type { Topics } from './topics.js';

export const PEERS_SHOWN_MAX = 64; // each has a topic of its own; the totals count all
const CONFIG_BYTES_MAX = 512 * 1024;

export type PeerReport = Readonly<{
  name: string;
  connected: boolean;
  path: PeerStatus['path'];
  addresses: readonly string[];
  lastHandshake: string | null; // RFC 3339
  rxBytes: number;
  txBytes: number;
  rxRate: number; // bytes per second
  txRate: number;
}>;

export type StatusReport = Omit<Status, 'peers' | 'mqtt'> &
  Readonly<{
    startedAt: string; // RFC 3339
    peers: Readonly<{ total: number; connected: number; direct: number; relayed: number }>;
    rxBytes: number;
    txBytes: number;
    rxRate: number;
    txRate: number;
    dropped: number;
  }>;

type Bytes = Readonly<{ rx: number; tx: number }>;

/** Makes reports; keeps what rates are measured against. */
export class Reports {
  private before = new Map<string, Bytes>(); // by public key; '' is the sum
  private after = new Map<string, Bytes>();
  private beforeAt = 0;
  private afterAt = 0;

  constructor(private readonly topics: Topics) {}

  /** Topics and texts of everything there is to tell. `now` in milliseconds, `wall` in seconds. */
  make(status: Status, config: Config, now: number, wall: number): Map<string, string> {
    this.measure(status, now);
    const told = new Map<string, string>();
    told.set(this.topics.status, JSON.stringify(this.statusReport(status, wall)));
    for (const peer of status.peers.slice(0, PEERS_SHOWN_MAX))
      told.set(this.topics.peer(labelOf(peer.publicKey)), JSON.stringify(this.peerReport(peer)));
    told.set(this.topics.config, configText(config));
    return told;
  }

  private statusReport(status: Status, wall: number): StatusReport {
    const { peers, mqtt: _here, ...rest } = status; // who reads this knows that it is connected
    const of = (which: (peer: PeerStatus) => boolean) => peers.filter(which).length;
    const sum = totals(peers);
    const startedAt = new Date(1000 * Math.round(wall - status.uptime)).toISOString();
    return {
      ...rest,
      startedAt,
      peers: {
        total: peers.length,
        connected: of(isConnected),
        direct: of(({ path }) => path.class === 'direct'),
        relayed: of(({ path }) => path.class === 'relay'),
      },
      rxBytes: sum.rx,
      txBytes: sum.tx,
      ...this.rates(''),
      dropped: Object.values(rest.drops).reduce((all, count) => all + count, 0),
    };
  }

  private peerReport(peer: PeerStatus): PeerReport {
    const { name, path, addresses, lastHandshake, rxBytes, txBytes, publicKey } = peer;
    // Evidence may name where a peer is.
    const reason = path.reason && { ...path.reason, evidence: '', advice: '' };
    return {
      name,
      connected: isConnected(peer),
      path: { ...path, reason },
      addresses: addresses.slice(0, 16),
      lastHandshake: lastHandshake === null ? null : new Date(1000 * lastHandshake).toISOString(),
      rxBytes,
      txBytes,
      ...this.rates(publicKey),
    };
  }

  private measure({ peers }: Status, now: number): void {
    if (now - this.afterAt < 1_000 && this.afterAt > 0) return; // too short for a rate
    this.before = this.after;
    this.beforeAt = this.afterAt;
    this.after = new Map([['', totals(peers)]]);
    for (const { publicKey, rxBytes, txBytes } of peers)
      this.after.set(publicKey, { rx: rxBytes, tx: txBytes });
    this.afterAt = now;
  }

  private rates(key: string): { rxRate: number; txRate: number } {
    const [before, after] = [this.before.get(key), this.after.get(key)];
    const seconds = (this.afterAt - this.beforeAt) / 1000;
    if (!before || !after || seconds <= 0) return { rxRate: 0, txRate: 0 };
    const rate = (one: number, other: number) => Math.max(0, Math.round((other - one) / seconds));
    return { rxRate: rate(before.rx, after.rx), txRate: rate(before.tx, after.tx) };
  }
}

/** Changes with everything that people wait to see, and not with counters. */
export function gist(status: Status): string {
  const { name, addresses, listen, cipher, peers } = status;
  const seen = peers.map((peer) => [peer.name, peer.publicKey, peer.path.class, peer.path.via]);
  return JSON.stringify([name, addresses, listen, cipher.engine, cipher.alarms, seen]);
}

function isConnected({ path }: PeerStatus): boolean {
  return path.class !== 'none';
}

function totals(peers: readonly PeerStatus[]): Bytes {
  const sum = { rx: 0, tx: 0 };
  for (const { rxBytes, txBytes } of peers) {
    sum.rx += rxBytes;
    sum.tx += txBytes;
  }
  return sum;
}

/** Secrets are in files, never in the configuration. */
function configText(config: Config): string {
  const text = JSON.stringify(config);
  if (text.length <= CONFIG_BYTES_MAX) return text;
  return JSON.stringify({ ...config, peers: null }); // many thousands of prefixes
}
