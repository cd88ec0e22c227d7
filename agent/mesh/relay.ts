// Relaying for others: circuits of two channels, one on each member's leg. The workers forward;
// here it is decided who may, and when it ends.
//
//   A ── open {to: B} ──▶ R ── offer {from: A, channel} ──▶ B
//     ◀─ opened {channel} ┘
//
// A member gets what it asks for as long as there is room; when there is none, the one that has
// most gives way to one that has least.

import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import { Bucket } from './bucket.js';
import type { Circuit, MeshEffect, Times } from './effects.js';
import type { Usage } from './frame.js';
import type { Ground } from './ground.js';
import type { Metered } from './machines.js';
import { monthOf } from './month.js';

export const CIRCUITS_MAX = 256; // as many as the workers hold
export const CIRCUITS_PER_TAKER = 32; // a member speaks with few at a time that it cannot reach
const OPENS_PER_SECOND = 16; // of one member
const TAKERS_MAX = 1_024; // whose pace is remembered
export const IDLE_MS = 60_000;
const TELL_MS = 10_000; // how often an opener hears what it has used
const USAGE_MAX = 16; // circuits in one frame: it stays below its limit
const OFFER_GAP_MS = 500;
const CHANNEL_TRIES = 8; // random numbers of 32 bits that are all taken: not in our lifetime

export type Share = Readonly<{
  relay: boolean;
  quotaBytes: number | null; // a month; null: no limit
}>;

/** What was given so far this month: written into here, kept by the owner of the state folder. */
export type Ledger = { month: number; bytes: number };

type Row = {
  circuit: Circuit;
  bytes: number;
  lastAt: Millis;
  offeredAt: Millis;
  told: Usage | null;
};

export class Relay {
  private readonly rows = new Map<number, Row>(); // by the opener's channel
  private readonly byOther = new Map<number, Row>();
  private readonly paces = new Map<NodeId, Bucket>();
  private toldAt: Millis = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly ground: Ground,
    private readonly share: () => Share,
    private readonly books: Ledger = { month: 0, bytes: 0 },
  ) {}

  get circuits(): readonly Circuit[] {
    return [...this.rows.values()].map(({ circuit }) => circuit);
  }

  get ledger(): Readonly<Ledger> {
    return this.books;
  }

  onOpen(node: NodeId, to: NodeId, at: Times, out: MeshEffect[]): void {
    if (!this.pace(node, at.now)) return;
    const known = this.between(node, to);
    if (known !== undefined) {
      this.offerAgain(known, node, at, out);
      return;
    }
    const reason = this.refusal(node, to, at);
    if (reason !== null) {
      out.push({ kind: 'frame', node, frame: { kind: 'refused', to, reason } });
      return;
    }
    if (this.rows.size >= CIRCUITS_MAX) this.makeRoom(out);
    const openerChannel = this.freeChannel();
    const otherChannel = this.freeChannel(openerChannel);
    if (openerChannel === 0 || otherChannel === 0) return;
    const circuit = { opener: node, openerChannel, other: to, otherChannel };
    const row = { circuit, bytes: 0, lastAt: at.now, offeredAt: at.now, told: null };
    this.rows.set(openerChannel, row);
    this.byOther.set(otherChannel, row);
    out.push({ kind: 'circuit', circuit });
    tellBoth(circuit, out);
  }

  /** One end does not need it any more. */
  onClose(node: NodeId, channel: number, out: MeshEffect[]): void {
    const row = this.rows.get(channel) ?? this.byOther.get(channel);
    if (row === undefined || !isLegOf(row.circuit, node, channel)) return;
    this.end(row, node, out);
  }

  /** It knows nothing of its leg, so it was restarted: it is offered again. */
  onGone(node: NodeId, channel: number, at: Times, out: MeshEffect[]): boolean {
    const row = this.rows.get(channel) ?? this.byOther.get(channel);
    if (row === undefined || !isLegOf(row.circuit, node, channel)) return false;
    if (at.now - row.offeredAt < OFFER_GAP_MS) return true;
    row.offeredAt = at.now;
    const from = node === row.circuit.opener ? row.circuit.other : row.circuit.opener;
    out.push({ kind: 'frame', node, frame: { kind: 'offer', from, channel } });
    return true;
  }

  onLost(node: NodeId, out: MeshEffect[]): void {
    for (const row of [...this.rows.values()]) {
      const { opener, other } = row.circuit;
      if (opener === node || other === node) this.end(row, node, out);
    }
  }

  onMetered(counts: readonly Metered[], at: Times, out: MeshEffect[]): void {
    this.turnPage(at);
    for (const { channel, bytes, lastAt } of counts) {
      const row = this.rows.get(channel);
      if (row === undefined || bytes < row.bytes) continue;
      this.books.bytes += bytes - row.bytes;
      row.bytes = bytes;
      row.lastAt = Math.max(row.lastAt, lastAt);
    }
    const over = this.isSpent() || !this.share().relay;
    for (const row of [...this.rows.values()]) {
      if (over || at.now - row.lastAt >= IDLE_MS) this.end(row, null, out);
    }
    if (at.now - this.toldAt < TELL_MS) return;
    this.toldAt = at.now;
    this.tellUsage(out);
  }

  private refusal(
    node: NodeId,
    to: NodeId,
    at: Times,
  ): 'absent' | 'quota' | 'full' | 'role' | null {
    const { ground } = this;
    this.turnPage(at);
    const us = ground.roll.member(ground.self);
    if (us === undefined || !us.roles.includes('relay') || !this.share().relay) return 'role';
    if (this.isSpent()) return 'quota';
    if (to === node || to === ground.self || ground.roll.member(to) === undefined) return 'absent';
    // Both legs lead straight to their member: there is no channel in a channel.
    const here = (end: NodeId) => ground.isMet(end) && ground.placeOf(end) !== undefined;
    if (!here(node) || !here(to)) return 'absent';
    const mine = this.countOf(node);
    if (mine >= CIRCUITS_PER_TAKER) return 'full';
    if (this.rows.size < CIRCUITS_MAX) return null;
    return this.greatest().count > mine + 1 ? null : 'full';
  }

  private isSpent(): boolean {
    const { quotaBytes } = this.share();
    return quotaBytes !== null && this.books.bytes >= quotaBytes;
  }

  private turnPage(at: Times): void {
    const month = monthOf(this.ground.meshTime(at));
    // A clock that goes back does not give the month anew.
    if (month > this.books.month) Object.assign(this.books, { month, bytes: 0 });
  }

  /** The question came again: one of the answers may have been lost. */
  private offerAgain(row: Row, node: NodeId, at: Times, out: MeshEffect[]): void {
    const { circuit } = row;
    row.lastAt = at.now;
    if (node === circuit.opener) {
      if (at.now - row.offeredAt >= OFFER_GAP_MS) tellBoth(circuit, out);
      row.offeredAt = at.now;
      return;
    }
    const { opener, otherChannel } = circuit;
    const frame = { kind: 'opened', to: opener, channel: otherChannel } as const;
    out.push({ kind: 'frame', node, frame });
  }

  private end(row: Row, by: NodeId | null, out: MeshEffect[]): void {
    const { opener, openerChannel, other, otherChannel } = row.circuit;
    this.rows.delete(openerChannel);
    this.byOther.delete(otherChannel);
    out.push({ kind: 'circuit-gone', channel: openerChannel });
    const usage = { channel: openerChannel, bytes: row.bytes };
    if (row.bytes > (row.told?.bytes ?? 0) && this.ground.isMet(opener)) {
      out.push({ kind: 'frame', node: opener, frame: { kind: 'usage', given: [usage] } });
    }
    for (const [node, channel] of [
      [opener, openerChannel],
      [other, otherChannel],
    ] as const) {
      if (node === by || !this.ground.isMet(node)) continue;
      out.push({ kind: 'frame', node, frame: { kind: 'gone', channel } });
    }
  }

  private tellUsage(out: MeshEffect[]): void {
    const news = new Map<NodeId, Usage[]>();
    for (const row of this.rows.values()) {
      if (row.bytes === (row.told?.bytes ?? 0)) continue;
      row.told = { channel: row.circuit.openerChannel, bytes: row.bytes };
      const list = news.get(row.circuit.opener) ?? [];
      list.push(row.told);
      news.set(row.circuit.opener, list);
    }
    for (const [node, list] of news) {
      for (let i = 0; i < list.length; i += USAGE_MAX) {
        const given = list.slice(i, i + USAGE_MAX);
        out.push({ kind: 'frame', node, frame: { kind: 'usage', given } });
      }
    }
  }

  /** Either of them may have opened it. */
  private between(a: NodeId, b: NodeId): Row | undefined {
    for (const row of this.rows.values()) {
      const { opener, other } = row.circuit;
      if ((opener === a && other === b) || (opener === b && other === a)) return row;
    }
    return undefined;
  }

  private countOf(node: NodeId): number {
    let count = 0;
    for (const { circuit } of this.rows.values()) if (circuit.opener === node) count++;
    return count;
  }

  private greatest(): { opener: NodeId; count: number } {
    const counts = new Map<NodeId, number>();
    let most = { opener: '', count: 0 };
    for (const { circuit } of this.rows.values()) {
      const count = (counts.get(circuit.opener) ?? 0) + 1;
      counts.set(circuit.opener, count);
      if (count > most.count) most = { opener: circuit.opener, count };
    }
    return most;
  }

  /** The one with most circuits loses the one that was silent longest. */
  private makeRoom(out: MeshEffect[]): void {
    const { opener } = this.greatest();
    let idlest: Row | undefined;
    for (const row of this.rows.values()) {
      if (row.circuit.opener !== opener) continue;
      if (idlest === undefined || row.lastAt < idlest.lastAt) idlest = row;
    }
    if (idlest !== undefined) this.end(idlest, null, out);
  }

  /** Random, so that nobody guesses another's; 0 where none was found. */
  private freeChannel(not = 0): number {
    for (let i = 0; i < CHANNEL_TRIES; i++) {
      const channel = new DataView(this.ground.random(4).buffer).getUint32(0, true);
      const taken = this.rows.has(channel) || this.byOther.has(channel);
      if (channel !== 0 && channel !== not && !taken) return channel;
    }
    return 0;
  }

  private pace(node: NodeId, now: Millis): boolean {
    let bucket = this.paces.get(node);
    if (bucket === undefined) {
      if (this.paces.size >= TAKERS_MAX) this.paces.clear();
      bucket = new Bucket(OPENS_PER_SECOND, 1_000);
      this.paces.set(node, bucket);
    }
    return bucket.take(now);
  }
}

function tellBoth(circuit: Circuit, out: MeshEffect[]): void {
  const { opener, openerChannel, other, otherChannel } = circuit;
  const opened = { kind: 'opened', to: other, channel: openerChannel } as const;
  const offer = { kind: 'offer', from: opener, channel: otherChannel } as const;
  // The offer first: what the opener sends at once finds the other prepared.
  out.push({ kind: 'frame', node: other, frame: offer });
  out.push({ kind: 'frame', node: opener, frame: opened });
}

function isLegOf(circuit: Circuit, node: NodeId, channel: number): boolean {
  return circuit.openerChannel === channel ? circuit.opener === node : circuit.other === node;
}
