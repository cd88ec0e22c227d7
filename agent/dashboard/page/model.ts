// What the page knows: the newest status, and a few minutes of what came before.

import type { MeshPath, PeerStatus, Status } from '../../commands/context.js';

export const HISTORY_MAX = 150; // five minutes, one look every two seconds

export type Rates = Readonly<{ rx: number; tx: number }>; // bytes per second

export type Moment = Readonly<{
  at: number; // ms
  rates: Rates; // of all peers
  rtts: ReadonlyMap<string, number>; // ms, by peer
}>;

const NO_RATES: Rates = { rx: 0, tx: 0 };

export class Model {
  status: Status | undefined;
  /** Who reaches whom, as the members say; those of this node as well. */
  paths: readonly MeshPath[] = [];
  readonly history: Moment[] = [];
  private readonly rates = new Map<string, Rates>(); // by public key
  private before: Readonly<{ at: number; peers: ReadonlyMap<string, PeerStatus> }> | undefined;

  see(status: Status, at: number): void {
    const seconds = this.before ? (at - this.before.at) / 1000 : 0;
    const sum = { rx: 0, tx: 0 };
    const rtts = new Map<string, number>();
    this.rates.clear();
    for (const peer of status.peers) {
      const rates = this.ratesSince(this.before?.peers.get(peer.publicKey), peer, seconds);
      this.rates.set(peer.publicKey, rates);
      sum.rx += rates.rx;
      sum.tx += rates.tx;
      if (peer.path.rttMs !== null) rtts.set(peer.name, peer.path.rttMs);
    }
    if (this.before) this.history.push({ at, rates: sum, rtts });
    if (this.history.length > HISTORY_MAX) this.history.shift();
    const peers = new Map(status.peers.map((peer) => [peer.publicKey, peer]));
    this.before = { at, peers };
    this.status = status;
  }

  /** Rates over a gap would say nothing. */
  pause(): void {
    this.before = undefined;
  }

  ratesOf(publicKey: string): Rates {
    return this.rates.get(publicKey) ?? NO_RATES;
  }

  /** A count that fell belongs to an agent that was started anew. */
  private ratesSince(before: PeerStatus | undefined, now: PeerStatus, seconds: number): Rates {
    if (!before || seconds <= 0) return NO_RATES;
    const rate = (from: number, to: number) => Math.max(0, to - from) / seconds;
    return { rx: rate(before.rxBytes, now.rxBytes), tx: rate(before.txBytes, now.txBytes) };
  }
}
