// Two devices in virtual time: a network that loses, doubles and reorders datagrams as a seed
// says, and beside each device a worker that keeps Traffic and sessions as the real one does.
//
// A transport message here is a plain object; no packet is really sealed. The keys of both ends
// are compared instead, so that a session only "opens" what its counterpart "sealed".

import type { Place } from '../../agent/bytes/address.js';
import { publicKeyOf } from '../../agent/crypto/x25519.js';
import { MacChecker } from '../../agent/wireguard/cookie.js';
import { Device } from '../../agent/wireguard/device.js';
import type { Effect, Millis, Session, SessionId } from '../../agent/wireguard/effects.js';

/** A small generator with a seed (xorshift32), so that every run is the same. */
export function seeded(seed: number) {
  let state = seed | 0 || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  return {
    below: (n: number) => next() % n,
    bytes: (n: number) => Uint8Array.from({ length: n }, () => (next() >>> 8) & 0xff),
  };
}

export type Wire =
  | { kind: 'handshake'; datagram: Uint8Array }
  | { kind: 'transport'; receiver: number; key: string; data: boolean };

export type Log = { at: Millis; from: string; what: string };

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Live = { session: Session; key: string; openKey: string; stale: boolean; heard: boolean };

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const WALL_0 = 1_800_000_000_000;

export class Side {
  device: Device;
  checker: MacChecker;
  readonly publicKey: Uint8Array;
  readonly log: Log[] = [];
  readonly sessions = new Map<SessionId, Live>();
  traffic: Mutable<ReturnType<typeof quiet>> = quiet();
  using: SessionId | null = null;
  place: Place | null = null;
  waiting = 0;
  wanted = false;
  armed = true; // the `active` event
  ceiling: number | undefined;
  wallOffset = 0;
  underLoad = false;
  received = 0; // user packets
  waitedSince: Millis | undefined;
  waitedMax: Millis = 0; // how long a user packet waited for a session at most
  strange = 0; // transport messages that nothing opened
  peer = 0;
  deliver: (wire: Wire, from: Side, to: Place) => void = () => {};
  private readonly privateKey: Uint8Array;

  constructor(
    readonly name: string,
    readonly random: ReturnType<typeof seeded>,
    readonly address: string,
    readonly clock: { now: Millis },
  ) {
    this.privateKey = random.bytes(32);
    this.publicKey = publicKeyOf(this.privateKey);
    this.checker = new MacChecker(this.publicKey);
    this.device = this.make();
  }

  private make(): Device {
    return new Device({
      random: this.random.bytes,
      traffic: () => this.traffic,
      slotFor: () => 0,
      ceiling: this.ceiling,
    });
  }

  get now(): Millis {
    return this.clock.now;
  }

  get wall(): Millis {
    return WALL_0 + this.now + this.wallOffset;
  }

  count(what: string): number {
    return this.log.filter((entry) => entry.what === what).length;
  }

  times(what: string): Millis[] {
    return this.log.filter((entry) => entry.what === what).map((entry) => entry.at);
  }

  /** Key, one peer, its endpoint if there is one, up. */
  start(other: Side, options: { endpoint?: boolean; keepalive?: number; psk?: Uint8Array } = {}) {
    this.perform(this.device.setPrivateKey(Uint8Array.from(this.privateKey)));
    const added = this.device.addPeer(other.publicKey)!;
    this.peer = added.peer;
    this.perform(added.effects);
    if (options.psk) this.device.setPresharedKey(this.peer, options.psk);
    if (options.endpoint !== false) {
      const endpoint = { address: other.address, port: 51820 };
      this.perform(this.device.setEndpoint(this.peer, endpoint, this.now, this.wall));
    }
    this.perform(this.device.up(this.now, this.wall));
    if (options.keepalive) {
      this.perform(this.device.setKeepalive(this.peer, options.keepalive, this.now, this.wall));
    }
  }

  /** A crash: all memory is gone, the persisted ceiling stays. */
  restart(other: Side, options: Parameters<Side['start']>[1] = {}) {
    this.sessions.clear();
    this.traffic = quiet();
    this.using = this.place = null;
    this.waiting = 0;
    this.wanted = false;
    this.armed = true;
    this.device = this.make();
    this.start(other, options);
  }

  // The worker

  /** A user packet for the peer. */
  packet(): void {
    const live = this.usable();
    if (live === undefined) {
      this.waiting = Math.min(this.waiting + 1, 32);
      this.waitedSince ??= this.now;
      if (this.wanted) return;
      this.wanted = true;
      this.perform(this.device.onWant(this.peer, this.now, this.wall));
      return;
    }
    this.seal(live, true);
  }

  private usable(): Live | undefined {
    const live = this.using === null ? undefined : this.sessions.get(this.using);
    return live !== undefined && this.now < live.session.rejectAt ? live : undefined;
  }

  private seal(live: Live, data: boolean): void {
    this.note(data ? 'data' : 'keepalive');
    this.traffic.sentAt = this.now;
    this.traffic.sentBytes += 32;
    this.traffic.unacknowledgedSince = 0;
    if (data) this.traffic.unansweredSince ||= this.now;
    const { remoteIndex, renewSendAt } = live.session;
    if (this.place) {
      const wire = { kind: 'transport', receiver: remoteIndex, key: live.key, data } as const;
      this.deliver(wire, this, this.place);
    }
    if (data) this.begins();
    if (this.now >= renewSendAt) this.stale(live);
  }

  private begins(): void {
    if (!this.armed) return;
    this.armed = false;
    this.perform(this.device.onActive(this.peer, this.now, this.wall));
  }

  private stale(live: Live): void {
    if (live.stale) return;
    live.stale = true;
    this.perform(this.device.onStale(live.session.id, this.now, this.wall));
  }

  /** What comes off the wire. */
  arrive(wire: Wire, from: Place): void {
    if (wire.kind === 'handshake') this.arriveHandshake(wire.datagram, from);
    else this.arriveTransport(wire, from);
  }

  private arriveTransport(wire: Wire & { kind: 'transport' }, from: Place): void {
    const live = [...this.sessions.values()].find(
      ({ session, openKey }) => session.localIndex === wire.receiver && openKey === wire.key,
    );
    if (live === undefined || this.now >= live.session.rejectAt) {
      this.strange++;
      return;
    }
    this.traffic.receivedAt = this.now;
    this.traffic.receivedBytes += 32;
    this.traffic.unansweredSince = 0;
    if (wire.data) {
      this.received++;
      this.traffic.dataReceivedAt = this.now;
      this.traffic.unacknowledgedSince ||= this.now;
    }
    if (live.session.id !== this.using && !live.heard) {
      live.heard = true;
      this.perform(this.device.onConfirmed(live.session.id, this.now, this.wall));
    }
    if (wire.data) this.begins();
    if (this.now >= live.session.renewReceiveAt) this.stale(live);
    if (this.place && this.place.endpoint.address !== from.endpoint.address) {
      this.place = from;
      this.device.onRoamed(this.peer, from);
    }
  }

  private arriveHandshake(datagram: Uint8Array, from: Place): void {
    const check = this.checker.check(datagram);
    if (check === 'bad') return;
    const arrival = { datagram, from, check };
    this.perform(this.device.onHandshake(arrival, this.underLoad, this.now, this.wall));
  }

  // The driver

  perform(effects: Effect[]): void {
    for (const effect of effects) this.act(effect);
  }

  private act(effect: Effect): void {
    if (effect.kind === 'send') this.sendHandshake(effect.datagram, effect.to);
    if (effect.kind === 'place') this.place = effect.place;
    if (effect.kind === 'begin') this.begin(effect.session);
    if (effect.kind === 'use') this.use(effect.session);
    if (effect.kind === 'end') this.end(effect.session);
    if (effect.kind === 'keepalive') this.sendKeepalive();
    if (effect.kind === 'drop-waiting') this.dropWaiting();
    if (effect.kind === 'heard') this.traffic.unansweredSince = 0;
    if (effect.kind === 'spoke') this.traffic.unacknowledgedSince = 0;
    if (effect.kind === 'calm') this.armed = true;
    if (effect.kind === 'ceiling') this.ceiling = effect.seconds;
    if (['drop-waiting', 'calm', 'ceiling'].includes(effect.kind)) this.note(effect.kind);
  }

  private sendHandshake(datagram: Uint8Array, to: Place): void {
    this.note(['', 'initiation', 'response', 'cookie-reply'][datagram[0]!]!);
    this.deliver({ kind: 'handshake', datagram: Uint8Array.from(datagram) }, this, to);
  }

  private sendKeepalive(): void {
    const live = this.usable();
    if (live) this.seal(live, false);
  }

  private dropWaiting(): void {
    this.waiting = 0;
    this.waitedSince = undefined;
    this.wanted = false;
  }

  private end(id: SessionId): void {
    this.note('end');
    this.sessions.delete(id);
    if (this.using === id) this.using = null;
  }

  private begin(session: Session): void {
    this.note('begin');
    const key = hex(session.sendKey);
    const openKey = hex(session.receiveKey);
    session.sendKey.fill(0);
    session.receiveKey.fill(0);
    this.sessions.set(session.id, { session, key, openKey, stale: false, heard: false });
  }

  private use(id: SessionId | null): void {
    this.using = id;
    const live = this.usable();
    if (live === undefined) return;
    this.note('use');
    this.wanted = false;
    this.waitedMax = Math.max(this.waitedMax, this.now - (this.waitedSince ?? this.now));
    this.waitedSince = undefined;
    for (; this.waiting > 0; this.waiting--) this.seal(live, true);
  }

  private note(what: string): void {
    this.log.push({ at: this.now, from: this.name, what });
  }
}

export function quiet() {
  return {
    unansweredSince: 0,
    unacknowledgedSince: 0,
    dataReceivedAt: 0,
    receivedAt: 0,
    sentAt: 0,
    receivedBytes: 0,
    sentBytes: 0,
  };
}

/** Odds are per hundred. */
export type Weather = { loss: number; twice: number; delay: number; jitter: number };

export class Pair {
  readonly clock = { now: 1_000 };
  readonly random: ReturnType<typeof seeded>;
  readonly a: Side;
  readonly b: Side;
  weather: Weather = { loss: 0, twice: 0, delay: 10, jitter: 0 };
  /** Called with all that goes over the wire; false loses it. */
  passes: (wire: Wire, from: Side) => boolean = () => true;
  private queue: { at: Millis; order: number; run: () => void }[] = [];
  private order = 0;

  constructor(seed = 1) {
    this.random = seeded(seed);
    this.a = new Side('a', seeded(seed * 7 + 1), '192.0.2.1', this.clock);
    this.b = new Side('b', seeded(seed * 7 + 2), '192.0.2.2', this.clock);
    for (const side of [this.a, this.b]) {
      side.deliver = (wire, from, to) => this.carry(wire, from, to);
    }
  }

  get now(): Millis {
    return this.clock.now;
  }

  at(when: Millis, run: () => void): void {
    this.queue.push({ at: when, order: this.order++, run });
  }

  /** One packet of each side every `gap` milliseconds, and time passes until `until`. */
  chat(sides: Side[], gap: Millis, until: Millis): void {
    const round = () => {
      for (const side of sides) side.packet();
      if (this.now + gap <= until) this.at(this.now + gap, round);
    };
    this.at(this.now + gap, round);
    this.run(until);
  }

  /** Time passes until `until`, jumping from one moment at which something is due to the next. */
  run(until: Millis): void {
    for (let steps = 0; steps < 1_000_000; steps++) {
      const next = this.nextMoment();
      if (next > until) break;
      this.clock.now = Math.max(this.now, next);
      this.step();
    }
    this.clock.now = until;
  }

  private nextMoment(): Millis {
    const deadlines = [this.a, this.b].map((side) => side.device.deadline() ?? Infinity);
    return Math.min(...deadlines, ...this.queue.map(({ at }) => at));
  }

  private step(): void {
    const due = this.queue.filter(({ at }) => at <= this.now);
    this.queue = this.queue.filter(({ at }) => at > this.now);
    due.sort((x, y) => x.at - y.at || x.order - y.order);
    for (const { run } of due) run();
    for (const side of [this.a, this.b]) {
      const { device } = side;
      if ((device.deadline() ?? Infinity) <= this.now)
        side.perform(device.tick(this.now, side.wall));
    }
  }

  private carry(wire: Wire, from: Side, to: Place): void {
    const other = [this.a, this.b].find(({ address }) => address === to.endpoint.address);
    if (other === undefined || !this.passes(wire, from)) return;
    const { loss, twice, delay, jitter } = this.weather;
    const copies = this.random.below(100) < twice ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (this.random.below(100) < loss) continue;
      const at = this.now + delay + (jitter > 0 ? this.random.below(jitter) : 0);
      const endpoint = { address: from.address, port: 51820 };
      const source = { address: other.address, interfaceIndex: 2 };
      this.at(at, () => other.arrive(wire, { slot: 0, endpoint, source, channel: 0 }));
    }
  }
}
