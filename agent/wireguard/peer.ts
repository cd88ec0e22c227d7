// One peer of a device: its keys, its place, its handshake under way, its sessions, its timers.
// All methods append what is to be done to `out`.

import type { Place } from '../bytes/address.js';
import { KEY_BYTES } from '../crypto/primitives.js';
import type { PrivateKey } from '../crypto/x25519.js';
import { Acquaintance } from './acquaintance.js';
import { Attempt } from './attempt.js';
import { Macs } from './cookie.js';
import type { Effect, Millis, PeerId, Session, SessionId } from './effects.js';
import { type Ground, type PeerDrop, randomUpTo, type Times } from './ground.js';
import type { Correspondent, OpenedInitiation } from './handshake.js';
import {
  INITIATION_GAP_MS,
  REJECT_AFTER_TIME_MS,
  REKEY_AFTER_TIME_MS,
  REKEY_ON_RECEIVE_MS,
  REKEY_TIMEOUT_MS,
} from './limits.js';
import type { Membership, PresharedKeys } from './membership.js';
import { type CookieReply, INITIATION_BYTES, RESPONSE_BYTES, type Response } from './messages.js';
import { samePlace } from './place.js';
import { type Crossing, type Origin, type SessionEntry, Sessions } from './sessions.js';
import { type Due, Timers } from './timers.js';
import { isLater } from './timestamp.js';

const NEVER = Number.NEGATIVE_INFINITY;

type KeyPair = Readonly<{ us: PrivateKey; them: Correspondent }>;

export class Peer {
  place: Place | null = null;
  keepalive = 0; // seconds
  lastHandshake = 0; // Unix seconds
  receivedBytes = 0; // of handshake messages
  sentBytes = 0;
  readonly timers: Timers;
  private readonly macs: Macs;
  private readonly sessions = new Sessions();
  readonly keys: Acquaintance;
  private readonly attempt: Attempt;
  private newestTimestamp: Uint8Array | undefined; // of theirs, for good: replay protection
  private consumedAt: Millis = NEVER;

  constructor(
    readonly id: PeerId,
    readonly publicKey: Uint8Array,
    readonly roams: boolean,
    private readonly ground: Ground,
    readonly member?: Membership | undefined,
  ) {
    this.keys = new Acquaintance(publicKey);
    this.attempt = new Attempt(ground);
    this.macs = new Macs(publicKey);
    this.timers = new Timers((max) => randomUpTo(ground.random, max));
  }

  /** `second` undefined: as it was. */
  moveTo(place: Place | null, out: Effect[], second?: Place | null): void {
    if (samePlace(this.place, place) && second === undefined) return;
    this.place = place;
    const { current } = this.sessions;
    if (place !== null && current && !this.member?.isBare(current.origin)) this.member?.found();
    const move = { kind: 'place', peer: this.id, place } as const;
    out.push(second === undefined ? move : { ...move, second });
  }

  get inUse(): SessionId | undefined {
    return this.sessions.current?.id;
  }

  // Handshakes

  /** A session is needed. `again`: a retry of the same wish, which does not prolong it. */
  initiate(at: Times, out: Effect[], again = false): void {
    const { place, timers } = this;
    if (!again) timers.handshakeWanted(at.now);
    const pair = this.pair();
    if (place === null || pair === undefined) {
      timers.handshakeComplete();
      if (this.member === undefined) out.push({ kind: 'drop-waiting', peer: this.id });
      return;
    }
    if (this.member?.isKnocking(at.now)) return; // the wish is met already
    if (!timers.mayInitiate(at.now)) return;
    this.sendInitiation(pair, place, at, out);
  }

  private sendInitiation(pair: KeyPair, to: Place, at: Times, out: Effect[]): void {
    const begun = this.begin(pair, at, out);
    if (begun === undefined) return;
    out.push({ kind: 'send', datagram: begun, to }, { kind: 'spoke', peer: this.id });
    this.sentBytes += begun.length;
    this.timers.initiationSent(at.now);
  }

  /** A handshake at all these places at once, whatever the place in use (see Membership). */
  knock(places: readonly Place[], at: Times, out: Effect[]): void {
    const { member } = this;
    const pair = this.pair();
    if (member === undefined || pair === undefined || places.length === 0) return;
    const joined = this.attempt.initiation && member.join(places, at.now, out);
    if (joined !== undefined) {
      this.sentBytes += joined;
      return;
    }
    const begun = this.begin(pair, at, out);
    if (begun === undefined) return;
    this.sentBytes += member.begin(begun, places, at.now, out);
    out.push({ kind: 'spoke', peer: this.id });
    this.timers.knocked(at.now);
  }

  /** Pre-shared keys for handshakes to come; one that a bare session waits for follows at once. */
  setPresharedKeys(keys: PresharedKeys, at: Times, out: Effect[]): void {
    const { member } = this;
    if (member === undefined) return;
    member.setKeys(keys);
    const { origin } = this.sessions.current ?? {};
    const pair = this.pair();
    if (!member.isBare(origin) || !member.hasKey || origin?.initiator !== true) return;
    if (pair !== undefined) this.sendInitiation(pair, this.place ?? origin.from, at, out);
  }

  /** The message with its macs. */
  private begin({ us, them }: KeyPair, at: Times, out: Effect[]): Uint8Array | undefined {
    this.member?.endKnock();
    const datagram = this.attempt.begin(this, us, them, at, out);
    if (datagram !== undefined) this.macs.add(datagram, at.now);
    return datagram;
  }

  /** Their initiation: proven, answered, and a session waits for its confirmation. */
  respond(
    opened: OpenedInitiation,
    { from, mac1 }: Readonly<{ from: Place; mac1: string }>,
    at: Times,
    out: Effect[],
  ): PeerDrop | undefined {
    const them = this.correspondent();
    const timestamp = them && opened.timestamp(them.staticStatic);
    if (them === undefined || timestamp === undefined) return 'forged';
    const refused = this.refusal(timestamp, at.now);
    if (refused !== undefined) return refused;
    this.newestTimestamp = timestamp;
    this.consumedAt = at.now;

    const { indices, random } = this.ground;
    const sender = indices.add(this);
    const presharedKey = this.member?.respondKey(this.sessions.next, at.now) ?? them.presharedKey;
    const fresh = { ephemeral: random(KEY_BYTES), sender };
    const response = opened.respond({ ...them, presharedKey }, fresh);
    if (response === undefined) {
      indices.remove(sender);
      return 'forged';
    }
    this.heard(from, INITIATION_BYTES, at.now, out);
    const { datagram, keys } = response;
    const { initiatorSends, responderSends, hash } = keys;
    const origin = this.member?.origin(false, from, hash, presharedKey, at.now);
    const session = this.makeSession(Number.POSITIVE_INFINITY, at.now, origin, {
      localIndex: sender,
      remoteIndex: opened.sender,
      sendKey: responderSends,
      receiveKey: initiatorSends,
    });
    this.macs.add(datagram, at.now);
    if (this.member) this.ground.answers.keep(mac1, Uint8Array.from(datagram), from, at.now);
    const ended = this.sessions.begunAsResponder(entryOf(session, origin));
    out.push({ kind: 'begin', session });
    out.push({ kind: 'send', datagram, to: from }, { kind: 'spoke', peer: this.id });
    this.end(ended, out);
    this.sentBytes += datagram.length;
    this.timers.responseSent(at.now);
    return undefined;
  }

  private refusal(timestamp: Uint8Array, now: Millis): PeerDrop | undefined {
    const newest = this.newestTimestamp;
    if (newest !== undefined && !isLater(timestamp, newest)) return 'replay';
    if (now - this.consumedAt < INITIATION_GAP_MS) return 'flood';
    return this.ground.sessions.full ? 'sessions-full' : undefined;
  }

  /** The response to our initiation: a new session is in use, and a keepalive confirms it. */
  finish(response: Response, from: Place, at: Times, out: Effect[]): PeerDrop | undefined {
    const { identity, sessions } = this.ground;
    const them = this.correspondent();
    const { initiation } = this.attempt;
    if (identity === undefined || them === undefined) return 'unknown-index';
    if (initiation?.sender !== response.receiver) return 'unknown-index';
    if (sessions.full) return 'sessions-full';
    const tried = this.member?.initiateKeys() ?? [them.presharedKey];
    const keys = initiation.finish(identity, them, response, tried);
    if (keys === undefined) return 'forged';
    const used = tried[keys.presharedKey] ?? them.presharedKey;
    this.attempt.done();
    this.heard(from, RESPONSE_BYTES, at.now, out);
    // Handshakes crossed: both sides would renew at once again, and cross for ever. One goes late.
    const late = this.sessions.next !== undefined && isLater(identity.publicKey, this.publicKey);
    const renewAfter = REKEY_AFTER_TIME_MS + (late ? REKEY_TIMEOUT_MS : 0);
    const origin = this.member?.origin(true, from, keys.hash, used, at.now);
    const session = this.makeSession(renewAfter, at.now, origin, {
      localIndex: response.receiver,
      remoteIndex: response.sender,
      sendKey: keys.initiatorSends,
      receiveKey: keys.responderSends,
    });
    out.push({ kind: 'begin', session });
    const ended = this.takeOwn(entryOf(session, origin), at, out);
    this.end(ended, out);
    this.timers.sessionDerived(at.now);
    this.complete(at);
    return undefined;
  }

  /** A session that we began: it comes to be used, unless one that crossed it goes before. */
  private takeOwn(entry: SessionEntry, at: Times, out: Effect[]): SessionEntry[] {
    const { ended, used } = this.sessions.begunBetweenMembers(entry, this.crossing(at.now));
    if (!used) return ended;
    out.push({ kind: 'use', peer: this.id, session: entry.id });
    const keepalive = { kind: 'keepalive', peer: this.id } as const;
    out.push(entry.origin === undefined ? keepalive : { ...keepalive, at: entry.origin.from });
    this.member?.met(entry, out);
    return ended;
  }

  private crossing(now: Millis): Crossing {
    const { identity } = this.ground;
    const isHigher = identity !== undefined && isLater(identity.publicKey, this.publicKey);
    return { isHigher, initiatedAt: this.attempt.at, now };
  }

  private makeSession(
    renewAfter: Millis, // Infinity for the responder, who does not
    now: Millis,
    origin: Origin | undefined,
    fields: Pick<Session, 'localIndex' | 'remoteIndex' | 'sendKey' | 'receiveKey'>,
  ): Session {
    const { id } = this.ground.sessions.add((row) => ({ peer: this, id: row }));
    const renewReceiveAfter = Math.max(renewAfter, REKEY_ON_RECEIVE_MS);
    return {
      ...fields,
      ...(this.member?.isBare(origin) ? { bare: true } : {}),
      id,
      peer: this.id,
      rejectAt: now + REJECT_AFTER_TIME_MS,
      renewSendAt: now + renewAfter,
      renewReceiveAt: now + renewReceiveAfter,
    };
  }

  takeCookie(reply: CookieReply, now: Millis): PeerDrop | undefined {
    if (!this.macs.take(reply, now)) return 'forged';
    this.member?.onCookie((datagram) => this.macs.add(datagram, now));
    return undefined;
  }

  // What the workers report

  /** A worker says so once. It may have seen the session's end before our tick did. */
  wanted(at: Times, out: Effect[]): void {
    const { current } = this.sessions;
    this.member?.wanted(at.now);
    const bare = this.member?.isBare(current?.origin) && this.member.hasKey;
    if (current === undefined || at.now >= current.rejectAt || bare) this.initiate(at, out);
  }

  stale(id: SessionId, at: Times, out: Effect[]): void {
    if (this.sessions.current?.id === id) this.initiate(at, out);
  }

  confirmed(id: SessionId, at: Times, out: Effect[]): void {
    const { next } = this.sessions;
    const ended = this.sessions.confirmed(id);
    if (ended === undefined || next === undefined) return;
    out.push({ kind: 'use', peer: this.id, session: id });
    this.member?.met(next, out);
    this.end(ended, out);
    this.complete(at);
  }

  active(at: Times, out: Effect[]): void {
    if (!this.ground.up) return;
    const sights = this.timers.watch.look(at.now, this.ground.traffic(this.id));
    for (const sight of sights) this.perform(sight, at, out);
  }

  // Time

  deadline(): Millis {
    const first = Math.min(this.timers.deadline(), this.sessions.firstRejectAt());
    return this.member === undefined ? first : Math.min(first, this.member.deadline());
  }

  tick(at: Times, out: Effect[]): void {
    const before = this.inUse;
    const expired = this.sessions.expired(at.now);
    if (this.inUse !== before) this.lose(out);
    this.end(expired, out);
    this.sentBytes += this.member?.tick(at.now, out) ?? 0;
    if (at.now < this.timers.deadline()) return;
    const due = this.timers.due(at.now, this.ground.traffic(this.id));
    for (const what of due) this.perform(what, at, out);
  }

  private perform(what: Due, at: Times, out: Effect[]): void {
    if (what === 'keepalive') this.keepAlive(at, out);
    else if (what === 'zero') this.dropKeys(out);
    else if (what === 'give-up') out.push({ kind: 'drop-waiting', peer: this.id });
    else if (what === 'calm') out.push({ kind: 'calm', peer: this.id });
    else {
      this.forgetSource(out);
      this.initiate(at, out, what === 'retry');
    }
  }

  /** An empty packet; where there is no session, the handshake for one does as well. */
  keepAlive(at: Times, out: Effect[]): void {
    if (!this.ground.up || this.place === null) return;
    if (this.sessions.current === undefined) this.initiate(at, out);
    else out.push({ kind: 'keepalive', peer: this.id });
  }

  /** Wipes sessions and the handshake under way; what waits is dropped. */
  dropKeys(out: Effect[]): void {
    const { inUse } = this;
    if (inUse !== undefined) this.lose(out);
    this.end(this.sessions.ended(), out);
    this.member?.endKnock();
    this.attempt.forget();
    out.push({ kind: 'drop-waiting', peer: this.id });
  }

  private lose(out: Effect[]): void {
    out.push({ kind: 'use', peer: this.id, session: null });
    if (this.member !== undefined) out.push({ kind: 'lost', peer: this.id });
  }

  /** Our static key is another: nothing computed with the old one is of use. */
  forgetIdentity(out: Effect[]): void {
    this.dropKeys(out);
    this.timers.forgetHandshakes();
    this.keys.forget();
  }

  /** The end. */
  wipe(out: Effect[]): void {
    this.forgetIdentity(out);
    this.timers.stop();
    this.macs.wipe();
    this.keys.setPresharedKey(null);
    this.member?.wipe();
  }

  private heard(from: Place, bytes: number, now: Millis, out: Effect[]): void {
    this.receivedBytes += bytes;
    if (this.roams || this.place === null) this.moveTo(from, out);
    out.push({ kind: 'heard', peer: this.id });
    this.timers.heard(now);
  }

  private complete(at: Times): void {
    this.lastHandshake = at.wall / 1_000;
    this.timers.handshakeComplete();
  }

  private end(sessions: readonly SessionEntry[], out: Effect[]): void {
    for (const { id, localIndex } of sessions) {
      this.ground.indices.remove(localIndex);
      this.ground.sessions.remove(id);
      out.push({ kind: 'end', session: id });
    }
  }

  /** No answer may be the fault of the address we send from: the kernel chooses anew. */
  forgetSource(out: Effect[]): void {
    if (this.place !== null && this.place.source !== null) {
      this.moveTo({ ...this.place, source: null }, out);
    }
  }

  private correspondent(): Correspondent | undefined {
    return this.keys.correspondent(this.ground.identity);
  }

  /** What a handshake takes; undefined while there can be none. */
  private pair(): KeyPair | undefined {
    const { identity, up } = this.ground;
    const them = up ? this.correspondent() : undefined;
    return identity === undefined || them === undefined ? undefined : { us: identity, them };
  }
}

/** What we keep of a session; its keys go to the workers and nowhere else. */
function entryOf({ id, localIndex, rejectAt }: Session, origin?: Origin): SessionEntry {
  return origin === undefined ? { id, localIndex, rejectAt } : { id, localIndex, rejectAt, origin };
}
