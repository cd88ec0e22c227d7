// A plane in TypeScript alone, for simulations and for whoever stands at the door: what the workers
// do (dataplane/), one packet at a time and slowly, with noble.
//
//   inside(packet) ──▶ route ──▶ session? ──▶ seal ──▶ options.send
//                                  │ no: waits, `want`
//   options.deliver ◀── source ◀── open ◀── window ◀── outside(datagram)
//
// It has no clock and no sockets. Methods return the events that came of them, in order; whoever
// drives it feeds them to the machines and gives it their effects as orders.

import type { Place } from '../bytes/address.js';
import { wipe } from '../crypto/secret.js';
import { CHANNEL_TYPE, unwrap, wrap } from './channel.js';
import { Circuits } from './circuits.js';
import { MacChecker } from './cookie.js';
import type { Millis, PeerId, Session, SessionId, Traffic } from './effects.js';
import { addressesOf } from './inner.js';
import { REJECT_AFTER_MESSAGES, REKEY_AFTER_MESSAGES } from './limits.js';
import type { Metered, PlaneEvent, PlaneOrder } from './orders.js';
import { sameEnd } from './place.js';
import {
  isUserPacket,
  type Live,
  liveOf,
  opened,
  padded,
  quiet,
  type Row,
  readU32,
  rowOf,
  sealed,
} from './softrow.js';

export type SoftPlaneOptions = Readonly<{
  /** The datagram is the receiver's to keep. */
  send: (datagram: Uint8Array, to: Place) => void;
  /** An IP packet came out of the tunnel. */
  deliver: (packet: Uint8Array, from: PeerId) => void;
  /** Whose an inner address of 4 or 16 bytes is; undefined: nobody's. */
  route: (address: Uint8Array) => PeerId | undefined;
}>;

const WAITING_MAX = 32; // packets per peer that wait for a session; newer ones displace older
const SEEN_GAP_MS = 1_000;
const MTU = 1_420; // until an order says otherwise
const TEXT_BYTES_MAX = 65_000;
const NOTHING = new Uint8Array(0);

export class SoftPlane {
  private readonly rows = new Map<PeerId, Row>();
  private readonly sessions = new Map<SessionId, Live>();
  private readonly byIndex = new Map<number, Live>();
  private readonly circuits: Circuits;
  private readonly dropped = new Map<string, number>();
  private checker: MacChecker | undefined;
  private mtu = MTU;
  private events: PlaneEvent[] = [];

  constructor(private readonly options: SoftPlaneOptions) {
    this.circuits = new Circuits({
      // A leg is worth something from where its member is met, and nowhere else.
      placeOf: (peer) => {
        const row = this.rows.get(peer);
        return row === undefined || row.session === null ? null : row.place;
      },
    });
  }

  // What main asks for

  order(order: PlaneOrder, now: Millis): PlaneEvent[] {
    if ('peer' in order && order.kind !== 'peer') this.orderPeer(order, now);
    else this.orderOther(order, now);
    return this.take();
  }

  private orderOther(order: PlaneOrder, now: Millis): void {
    switch (order.kind) {
      case 'peer':
        this.rows.set(order.peer, rowOf(order.peer, order.roams));
        return;
      case 'begin':
        this.begin(order.session);
        return;
      case 'end':
        this.end(order.session);
        return;
      case 'send':
        this.emit(Uint8Array.from(order.datagram), order.to);
        return;
      case 'identity':
        this.checker = order.publicKey === null ? undefined : new MacChecker(order.publicKey);
        return;
      case 'mtu':
        this.mtu = order.mtu;
        return;
      default:
        this.circuits.order(order, now);
    }
  }

  private orderPeer(order: Extract<PlaneOrder, { peer: PeerId }>, now: Millis): void {
    const row = this.rows.get(order.peer);
    if (row === undefined) return;
    switch (order.kind) {
      case 'peer-gone':
        this.rows.delete(order.peer);
        return;
      case 'member':
        row.member = order.member;
        row.roams = !order.member;
        return;
      case 'place':
        row.place = order.place;
        if (order.second !== undefined) row.second = order.second;
        this.circuits.learn(order.place, order.second ?? null);
        if (order.place !== null && this.usable(row, now)) this.release(row, now);
        return;
      case 'use':
        this.use(row, order.session, now);
        return;
      case 'keepalive':
        this.sealFor(row, NOTHING, now, { at: order.at });
        return;
      case 'frame':
        this.circuits.learn(order.at ?? null);
        this.sealFor(row, order.frame, now, { at: order.at, pad: order.pad });
        return;
      case 'drop-waiting':
        this.drop('inside-waiting-expired', row.waiting.length);
        row.waiting = [];
        row.wanted = false;
        return;
      case 'heard':
        row.traffic.unansweredSince = 0;
        return;
      case 'spoke':
        row.traffic.unacknowledgedSince = 0;
        return;
      case 'calm':
        row.armed = true;
    }
  }

  private begin(session: Session): void {
    this.end(session.id);
    const live = liveOf(session);
    this.sessions.set(session.id, live);
    this.byIndex.set(session.localIndex, live);
  }

  private end(id: SessionId): void {
    const live = this.sessions.get(id);
    if (live === undefined) return;
    const { session } = live;
    wipe(session.sendKey, session.receiveKey);
    this.sessions.delete(id);
    this.byIndex.delete(session.localIndex);
    const row = this.rows.get(session.peer);
    if (row?.session === id) row.session = null;
  }

  private use(row: Row, session: SessionId | null, now: Millis): void {
    row.session = session;
    if (session !== null && !this.sessions.get(session)?.session.bare) this.release(row, now);
  }

  /** A session, or a place, has come: what waited goes, or waits on. */
  private release(row: Row, now: Millis): void {
    row.wanted = false;
    for (const packet of row.waiting.splice(0)) this.sendPacket(row, packet, now);
  }

  /** An IP packet out of the TUN. */
  inside(packet: Uint8Array, now: Millis): PlaneEvent[] {
    const addresses = addressesOf(packet);
    const peer = addresses && this.options.route(addresses.destination);
    const row = peer === undefined ? undefined : this.rows.get(peer);
    if (addresses === undefined) this.drop('inside-malformed');
    else if (row === undefined) this.drop('inside-no-route');
    else this.sendPacket(row, Uint8Array.from(packet), now);
    return this.take();
  }

  private sendPacket(row: Row, packet: Uint8Array, now: Millis): void {
    const live = this.usable(row, now);
    const waits = live === undefined || live.session.bare || (row.member && row.place === null);
    if (!waits) {
      const to = [row.place, row.second].filter((place) => place !== null);
      if (row.place === null) this.drop('inside-no-place');
      else this.seal(row, live, packet, now, to);
      return;
    }
    if (row.waiting.push(packet) > WAITING_MAX) {
      row.waiting.shift();
      this.drop('inside-waiting-full');
    }
    if (!row.wanted) this.events.push({ kind: 'want', peer: row.id });
    row.wanted = true;
  }

  /** A control frame, or an empty packet. */
  private sealFor(
    row: Row,
    text: Uint8Array,
    now: Millis,
    how: { at?: Place | undefined; pad?: number | undefined },
  ): void {
    const live = this.usable(row, now);
    const to = how.at ?? row.place;
    if (live === undefined || to === null) {
      this.drop('frame-no-session');
      return;
    }
    this.seal(row, live, text, now, [to], how.pad);
  }

  private seal(
    row: Row,
    live: Live,
    text: Uint8Array,
    now: Millis,
    to: readonly Place[],
    pad = 0,
  ): void {
    const { session } = live;
    const counter = live.sent++;
    if (counter >= REJECT_AFTER_MESSAGES) {
      this.drop('inside-counter-spent');
      return;
    }
    const length = Math.min(TEXT_BYTES_MAX, Math.max(padded(text.length, this.mtu), pad));
    const datagram = sealed(session, counter, text, length);
    const { traffic } = row;
    traffic.sentAt = now;
    traffic.sentBytes += datagram.length;
    traffic.unacknowledgedSince = 0;
    if (isUserPacket(text)) {
      traffic.unansweredSince ||= now;
      this.wake(row);
    }
    for (const place of to) this.emit(Uint8Array.from(datagram), place);
    if (now >= session.renewSendAt || counter >= REKEY_AFTER_MESSAGES) this.stale(live);
  }

  private emit(datagram: Uint8Array, to: Place): void {
    this.circuits.learn(to);
    this.options.send(to.channel === 0 ? datagram : wrap(datagram, to.channel), to);
  }

  private usable(row: Row, now: Millis): Live | undefined {
    const live = row.session === null ? undefined : this.sessions.get(row.session);
    return live !== undefined && now < live.session.rejectAt ? live : undefined;
  }

  /** A datagram off the network. */
  outside(datagram: Uint8Array, from: Place, now: Millis): PlaneEvent[] {
    const type = datagram.length < 32 ? 0 : readU32(datagram, 0);
    if (type === CHANNEL_TYPE) this.fromChannel(datagram, from, now);
    else this.fromWire(type, datagram, from, now);
    return this.take();
  }

  private fromWire(type: number, datagram: Uint8Array, from: Place, now: Millis): void {
    if (type === 4) {
      const reason = this.open(datagram, from, now);
      if (reason !== undefined) this.drop(reason);
    } else if (type < 1 || type > 4) {
      this.drop('outside-malformed');
    } else {
      const check = this.checker?.check(datagram) ?? 'bad';
      if (check === 'bad') this.drop('handshake-mac1');
      else
        this.events.push({ kind: 'handshake', datagram: Uint8Array.from(datagram), from, check });
    }
  }

  private fromChannel(datagram: Uint8Array, from: Place, now: Millis): void {
    const wrapped = unwrap(datagram);
    if (wrapped === undefined) {
      this.drop('outside-malformed');
      return;
    }
    const { channel, inner } = wrapped;
    if (this.circuits.isLeg(channel)) {
      this.fromWire(readU32(inner, 0), inner, { ...from, channel }, now);
      return;
    }
    const onward = this.circuits.relay(channel, inner.length, from, now);
    if (typeof onward === 'object') {
      this.options.send(wrap(inner, onward.channel), onward.to);
      return;
    }
    this.drop(onward);
    if (onward !== 'channel-limit' && this.circuits.mayTell(now)) {
      this.events.push({ kind: 'channel-unknown', channel, from });
    }
  }

  /** Undefined, or why it was dropped. */
  private open(datagram: Uint8Array, from: Place, now: Millis): string | undefined {
    const live = this.byIndex.get(readU32(datagram, 4));
    const row = live && this.rows.get(live.session.peer);
    if (live === undefined || row === undefined) return 'outside-unknown-index';
    if (now >= live.session.rejectAt) return 'outside-expired';
    const counter = readU32(datagram, 8) + readU32(datagram, 12) * 2 ** 32;
    const text = Number.isSafeInteger(counter)
      ? opened(live.session, counter, datagram)
      : undefined;
    if (text === undefined) return 'outside-forged';
    if (!live.window.accept(counter)) return 'outside-replay';
    this.authentic(row, live, datagram.length, isUserPacket(text), now);
    this.follow(row, from, now);
    return text.length === 0 ? undefined : this.deliver(row, live, text, from);
  }

  private authentic(row: Row, live: Live, bytes: number, data: boolean, now: Millis): void {
    const { traffic } = row;
    const { session } = live;
    traffic.receivedAt = now;
    traffic.receivedBytes += bytes;
    traffic.unansweredSince = 0;
    if (data) {
      traffic.dataReceivedAt = now;
      traffic.unacknowledgedSince ||= now;
      this.wake(row);
    }
    if (!live.confirmed && row.session !== session.id) {
      live.confirmed = true;
      this.events.push({ kind: 'confirmed', session: session.id });
    }
    if (now >= session.renewReceiveAt) this.stale(live);
  }

  private follow(row: Row, from: Place, now: Millis): void {
    if (sameEnd(row.place, from)) return;
    if (row.roams) {
      row.place = from;
      this.events.push({ kind: 'roamed', peer: row.id, place: from, batch: 0 });
    } else if (row.member && now - row.seenAt >= SEEN_GAP_MS) {
      row.seenAt = now;
      this.events.push({ kind: 'seen', peer: row.id, place: from });
    }
  }

  private deliver(row: Row, live: Live, text: Uint8Array, from: Place): string | undefined {
    const nibble = (text[0] ?? 0) >> 4;
    if (nibble >= 8 && nibble <= 11) {
      if (!row.member) return 'outside-frame-stranger';
      this.events.push({ kind: 'frame', peer: row.id, frame: text, from });
      return undefined;
    }
    const addresses = addressesOf(text);
    if (addresses === undefined) return 'outside-inner-malformed';
    if (live.session.bare) return 'outside-bare';
    if (this.options.route(addresses.source) !== row.id) return 'outside-inner-source';
    this.options.deliver(text.subarray(0, addresses.length), row.id);
    return undefined;
  }

  // What there is

  traffic(peer: PeerId): Traffic {
    return { ...(this.rows.get(peer)?.traffic ?? quiet()) };
  }

  placeOf(peer: PeerId): Place | null {
    return this.rows.get(peer)?.place ?? null;
  }

  /** Packets dropped, by the workers' reasons (dataplane/drops.ts). */
  drops(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.dropped);
  }

  metered(): Metered[] {
    return this.circuits.metered();
  }

  private stale(live: Live): void {
    if (!live.stale) this.events.push({ kind: 'stale', session: live.session.id });
    live.stale = true;
  }

  private wake(row: Row): void {
    if (row.armed) this.events.push({ kind: 'active', peer: row.id });
    row.armed = false;
  }

  private drop(reason: string, packets = 1): void {
    if (packets > 0) this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + packets);
  }

  private take(): PlaneEvent[] {
    const { events } = this;
    this.events = [];
    return events;
  }
}
