// Relay channels: ways to peers through somebody who reaches both ends. Here are those we take;
// those we give are in relay.ts.
//
// Frames may be lost, so every question is put again, to the next relay and in the end to the same.

import type { Place } from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import type { Circuit, MeshEffect, Times } from './effects.js';
import type { Ground } from './ground.js';
import type { ChannelFrame, ChannelMachine, Metered } from './machines.js';
import { type Ledger, Relay, type Share } from './relay.js';
import { Timetable } from './timetable.js';

const ASK_MS = 400; // a relay that takes longer to answer is no good for the first packet
const AGAIN_MS = 1_000; // before the same relay is asked the same again
const PATIENCE_MS = 5_000; // after that it is for the path machine to ask again
const IDLE_CHECK_MS = 30_000;
const IDLE_MS = 90_000; // the relay ends it after 60 s; this is for when its word was lost
const WANTED_MAX = 3; // relays without a session that are called for one peer
const WAYS_MAX = 256; // peers with channels; as many legs as the workers hold
const OFFERS_PER_RELAY = 128; // open channels that one relay may hand us

type Channel = { number: number; offered: boolean; since: Millis };
type Way = {
  asked: Map<NodeId, Millis>; // relays, and when
  called: Set<NodeId>; // asked as soon as they are met
  open: Map<NodeId, Channel>; // by relay
  until: Millis; // how long relays are asked
};

export type ChannelOptions = Readonly<{
  share: () => Share;
  ledger?: Ledger;
  /** Tells the path machine of a channel that is open, or gone (null). */
  relayed: (to: NodeId, via: NodeId, place: Place | null, at: Times, out: MeshEffect[]) => void;
}>;

export class Channels implements ChannelMachine {
  readonly relay: Relay;
  readonly taken = new Map<NodeId, number>();
  private readonly ways = new Map<NodeId, Way>();
  private readonly timetable = new Timetable();
  private readonly used = new Map<string, number>(); // bytes told, by relay and channel

  constructor(
    private readonly ground: Ground,
    private readonly options: ChannelOptions,
  ) {
    this.relay = new Relay(ground, options.share, options.ledger);
  }

  open(to: NodeId, at: Times, out: MeshEffect[]): void {
    if (to === this.ground.self || this.ground.roll.member(to) === undefined) return;
    const way = this.way(to);
    if (way === undefined) return;
    way.until = at.now + PATIENCE_MS;
    // It is open, and wanted all the same: perhaps the other end never heard of it.
    for (const [relay, { since }] of way.open) {
      if (at.now - since >= AGAIN_MS) this.ask(to, way, relay, at, out);
    }
    if (way.open.size === 0) this.askNext(to, way, at, out);
  }

  suspect(to: NodeId, via: NodeId, at: Times, out: MeshEffect[]): void {
    const way = this.ways.get(to);
    if (way === undefined) {
      this.open(to, at, out);
      return;
    }
    if ([...way.open.keys()].some((relay) => relay !== via)) return; // there is another one
    this.askNext(to, way, at, out, via);
  }

  close(to: NodeId, at: Times, out: MeshEffect[]): void {
    const way = this.ways.get(to);
    if (way === undefined) return;
    for (const [relay, { number }] of way.open) {
      out.push({ kind: 'frame', node: relay, frame: { kind: 'close', channel: number } });
      this.lose(to, way, relay, at, out);
    }
    this.drop(to);
  }

  /** It is no member any more: neither a way to it nor one through it is left, nor one for it. */
  forget(node: NodeId, at: Times, out: MeshEffect[]): void {
    this.close(node, at, out);
    this.onLost(node, at, out);
    this.taken.delete(node);
  }

  onMet(node: NodeId, at: Times, out: MeshEffect[]): void {
    for (const [to, way] of this.ways) {
      if (!way.called.delete(node) || way.open.size > 0) continue;
      this.ask(to, way, node, at, out);
    }
  }

  onLost(node: NodeId, at: Times, out: MeshEffect[]): void {
    this.relay.onLost(node, out);
    for (const [to, way] of [...this.ways]) this.lose(to, way, node, at, out);
  }

  /** Also when its place is proven at last: a channel may have been opened before. */
  onMoved(relay: NodeId, at: Times, out: MeshEffect[]): void {
    for (const [to, way] of this.ways) {
      if (way.open.has(relay)) this.tell(to, way, relay, at, out);
    }
  }

  onFrame(node: NodeId, frame: ChannelFrame, at: Times, out: MeshEffect[]): void {
    switch (frame.kind) {
      case 'open':
        this.relay.onOpen(node, frame.to, at, out);
        return;
      case 'opened':
        this.onOpened(node, frame.to, frame.channel, at, out);
        return;
      case 'refused':
        this.onRefused(node, frame.to, at, out);
        return;
      case 'offer':
        this.onOffer(node, frame.from, frame.channel, at, out);
        return;
      case 'close':
        this.relay.onClose(node, frame.channel, out);
        return;
      case 'gone':
        if (!this.relay.onGone(node, frame.channel, at, out)) {
          this.onGone(node, frame.channel, at, out);
        }
        return;
      case 'usage':
        for (const { channel, bytes } of frame.given) this.onUsage(node, channel, bytes);
        return;
    }
  }

  onMetered(counts: readonly Metered[], at: Times, out: MeshEffect[]): void {
    this.relay.onMetered(counts, at, out);
  }

  /** It sends on a channel that we know nothing of: after a restart of ours, for one. */
  onUnknown(node: NodeId, channel: number, out: MeshEffect[]): void {
    if (!this.ground.isMet(node)) return;
    out.push({ kind: 'frame', node, frame: { kind: 'gone', channel } });
  }

  tick(at: Times, out: MeshEffect[]): void {
    for (;;) {
      const to = this.timetable.take(at.now);
      if (to === undefined) return;
      const way = this.ways.get(to);
      if (way === undefined) continue;
      if (way.open.size === 0) this.unanswered(to, way, at, out);
      else this.checkIdle(to, way, at, out);
    }
  }

  deadline(): Millis | undefined {
    return this.timetable.next();
  }

  get circuits(): readonly Circuit[] {
    return this.relay.circuits;
  }

  get given(): number {
    return this.relay.ledger.bytes;
  }

  // Asking

  /** Those that may relay to it, in order: its trackers have a session with it, ours with us. */
  private relaysFor(to: NodeId): NodeId[] {
    const { ground } = this;
    const all = new Set([...ground.trackersOf(to), ...ground.trackersOf(ground.self)]);
    all.delete(to);
    all.delete(ground.self);
    return [...all].filter((node) => ground.roll.member(node)?.roles.includes('relay'));
  }

  /** The first that has not been asked lately; those without a session are called meanwhile. */
  private askNext(to: NodeId, way: Way, at: Times, out: MeshEffect[], not?: NodeId): void {
    for (const relay of this.relaysFor(to)) {
      if (relay === not || way.open.has(relay)) continue;
      const askedAt = way.asked.get(relay);
      if (askedAt !== undefined && at.now - askedAt < AGAIN_MS) continue;
      if (this.ground.isMet(relay)) {
        this.ask(to, way, relay, at, out);
        return;
      }
      if (way.called.size < WANTED_MAX && !way.called.has(relay)) {
        way.called.add(relay);
        this.ground.wantPath(relay, at, out);
      }
    }
    if (way.open.size === 0) this.timetable.set(to, at.now + AGAIN_MS);
  }

  private ask(to: NodeId, way: Way, relay: NodeId, at: Times, out: MeshEffect[]): void {
    way.asked.set(relay, at.now);
    out.push({ kind: 'frame', node: relay, frame: { kind: 'open', to } });
    if (way.open.size === 0) this.timetable.set(to, at.now + ASK_MS);
  }

  /** Nobody has opened it yet. */
  private unanswered(to: NodeId, way: Way, at: Times, out: MeshEffect[]): void {
    if (at.now < way.until) this.askNext(to, way, at, out);
    else this.drop(to);
  }

  private onRefused(relay: NodeId, to: NodeId, at: Times, out: MeshEffect[]): void {
    const way = this.ways.get(to);
    if (way === undefined || !way.asked.has(relay)) return;
    if (way.open.has(relay)) this.lose(to, way, relay, at, out);
    else if (way.open.size === 0) this.askNext(to, way, at, out);
  }

  // Channels that are open

  private onOpened(relay: NodeId, to: NodeId, channel: number, at: Times, out: MeshEffect[]): void {
    if (channel === 0) {
      this.onRefused(relay, to, at, out);
      return;
    }
    const way = this.ways.get(to);
    if (way === undefined || !way.asked.has(relay)) {
      out.push({ kind: 'frame', node: relay, frame: { kind: 'close', channel } });
      return;
    }
    this.add(to, way, relay, { number: channel, offered: false, since: at.now }, at, out);
  }

  private onOffer(
    relay: NodeId,
    from: NodeId,
    channel: number,
    at: Times,
    out: MeshEffect[],
  ): void {
    const { ground } = this;
    const may = ground.roll.member(relay)?.roles.includes('relay') ?? false;
    const wanted = from !== ground.self && ground.roll.member(from) !== undefined;
    const way = may && wanted && channel !== 0 ? this.way(from) : undefined;
    if (way === undefined || this.countThrough(relay) >= OFFERS_PER_RELAY) {
      out.push({ kind: 'frame', node: relay, frame: { kind: 'close', channel } });
      return;
    }
    this.add(from, way, relay, { number: channel, offered: true, since: at.now }, at, out);
  }

  private add(
    to: NodeId,
    way: Way,
    relay: NodeId,
    channel: Channel,
    at: Times,
    out: MeshEffect[],
  ): void {
    const known = way.open.get(relay);
    if (known?.offered && known.number !== channel.number) {
      out.push({ kind: 'leg-gone', channel: known.number });
    }
    way.open.set(relay, channel);
    way.called.clear();
    if (channel.offered) out.push({ kind: 'leg', channel: channel.number });
    this.timetable.set(to, at.now + IDLE_CHECK_MS);
    this.tell(to, way, relay, at, out);
  }

  /** Waits where the relay's own place is not proven yet: there is no channel in a channel. */
  private tell(to: NodeId, way: Way, relay: NodeId, at: Times, out: MeshEffect[]): void {
    const channel = way.open.get(relay);
    const place = this.ground.placeOf(relay);
    if (channel === undefined || place === undefined || place.channel !== 0) return;
    this.options.relayed(to, relay, { ...place, channel: channel.number }, at, out);
  }

  private onGone(relay: NodeId, channel: number, at: Times, out: MeshEffect[]): void {
    for (const [to, way] of this.ways) {
      if (way.open.get(relay)?.number !== channel) continue;
      this.lose(to, way, relay, at, out);
      return;
    }
  }

  private lose(to: NodeId, way: Way, relay: NodeId, at: Times, out: MeshEffect[]): void {
    const channel = way.open.get(relay);
    if (channel === undefined) return;
    way.open.delete(relay);
    way.asked.delete(relay);
    this.used.delete(`${relay} ${channel.number}`);
    if (channel.offered) out.push({ kind: 'leg-gone', channel: channel.number });
    if (way.open.size === 0) this.drop(to);
    this.options.relayed(to, relay, null, at, out);
  }

  private checkIdle(to: NodeId, way: Way, at: Times, out: MeshEffect[]): void {
    const { sentAt, receivedAt } = this.ground.traffic(to);
    const since = Math.max(0, ...[...way.open.values()].map((channel) => channel.since));
    if (at.now - Math.max(sentAt, receivedAt, since) >= IDLE_MS) this.close(to, at, out);
    else this.timetable.set(to, at.now + IDLE_CHECK_MS);
  }

  /** What the relay has counted: of a channel that we opened, and never less than before. */
  private onUsage(relay: NodeId, channel: number, bytes: number): void {
    const ours = [...this.ways.values()].some((way) => {
      const open = way.open.get(relay);
      return open !== undefined && open.number === channel && !open.offered;
    });
    const key = `${relay} ${channel}`;
    const known = this.used.get(key) ?? 0;
    if (!ours || bytes <= known) return;
    this.used.set(key, bytes);
    this.taken.set(relay, (this.taken.get(relay) ?? 0) + bytes - known);
  }

  private countThrough(relay: NodeId): number {
    let count = 0;
    for (const way of this.ways.values()) if (way.open.get(relay)?.offered) count++;
    return count;
  }

  private way(to: NodeId): Way | undefined {
    const known = this.ways.get(to);
    if (known !== undefined || this.ways.size >= WAYS_MAX) return known;
    const way = { asked: new Map(), called: new Set<NodeId>(), open: new Map(), until: 0 };
    this.ways.set(to, way);
    return way;
  }

  private drop(to: NodeId): void {
    this.ways.delete(to);
    this.timetable.set(to, undefined);
  }
}
