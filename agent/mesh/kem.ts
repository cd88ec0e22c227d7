// Post-quantum keys between members: ML-KEM-768 inside a session, into WireGuard's pre-shared key
// slot from the next handshake on. The lower node id begins:
//
//   lower                                      higher
//     | -- kem-key: public key ----------------> |   makes the key, offers it as initiator,
//     |                                          |   answers handshakes with the old one
//     | <- kem-box: ciphertext, name of the key- |
//   has the key, answers handshakes with it      |
//     | -- kem-done: name of the key ----------> |   answers with it, too
//
// At no moment does one answer with a key that the other would not try, so no frame lost in between
// costs a session. After a reboot only the zero key is common: the session is bare, control frames
// only, and a new exchange begins in it at once; once it is done, so does a new handshake.

import type { Place } from '../bytes/address.js';
import { KEM_MESSAGE_BYTES, KEM_SEED_BYTES, type Kem, mlKem768 } from '../crypto/mlkem.js';
import { equal, hash } from '../crypto/primitives.js';
import { wipe } from '../crypto/secret.js';
import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import { INITIATION_GAP_MS } from '../wireguard/limits.js';
import type { MeshEffect, Met, Times } from './effects.js';
import type { FrameOf } from './frame.js';
import type { Ground } from './ground.js';
import { derive, nameOfKey, nameOfSession, ZERO } from './kemkeys.js';
import type { KemMachine } from './machines.js';

export const ROTATE_MS = 86_400_000; // a key stolen from memory opens a day at most
export const RETRY_MS = 200; // users wait; doubles, so that slow lines have their time
export const RETRY_MAX_MS = 8_000;
export const TRIES_MAX = 8; // some 30 s; in a bare session it goes on, for users wait
export const SETTLE_MS = 2_000; // a bare session this soon after an exchange crossed with it
export const KNOCK_AFTER_MS = 250; // whoever began the bare session has begun another by then ...
export const SOON_MS = INITIATION_GAP_MS + 5; // ... but nobody answers two in so short a time
export const FRESH_MS = 1_000; // for so long a session's first way is the surest
export const SESSIONS_MAX = 3; // that a kem-key may name: the one before may still carry frames
export const SEEN_MAX = 4; // keys of the other side that are late by now
export const BOXES_MAX = 4; // encapsulations for one peer ...
export const BOXES_MS = 10_000; // ... in this time; each costs us a millisecond

type Retry = { tries: number; at: Millis };
type KemFrame = FrameOf<'kem-key' | 'kem-box' | 'kem-done'>;

/** `sessions`: those that the public key was sent in, newest first; the answer is for one. */
type Asking = {
  frame: FrameOf<'kem-key'>;
  readonly secretKey: Uint8Array;
  sessions: Uint8Array[];
  retry: Retry;
};

type Row = {
  readonly node: NodeId;
  readonly begins: boolean; // we do
  keys: Uint8Array[]; // that both may have, newest first; at most two
  respond: Uint8Array; // one of them that the other surely has, or zero
  sessions: Uint8Array[]; // handshake hashes, newest first
  from: Place | undefined;
  bare: boolean;
  metAt: Millis;
  agreedAt: Millis | undefined;
  settled: number; // exchanges done in bare sessions in a row
  askAt: Millis | undefined; // an exchange begins then
  asking: Asking | undefined;
  boxed: { frame: KemFrame; of: Uint8Array; made: Uint8Array; retry: Retry } | undefined;
  seen: Uint8Array[]; // hashes of the other side's public keys
  boxes: Millis[]; // when we made some
  done: FrameOf<'kem-done'> | undefined; // our answer to the last box
  knocking: Retry | undefined; // for a session with the new key in the place of a bare one
};

export class KemKeys implements KemMachine {
  private readonly rows = new Map<NodeId, Row>();
  private due: Millis | undefined;

  constructor(
    private readonly ground: Ground,
    private readonly kem: Kem = mlKem768,
  ) {}

  onMet(node: NodeId, met: Met, at: Times, out: MeshEffect[]): void {
    const row = this.rows.get(node) ?? this.begin(node);
    row.sessions = [Uint8Array.from(met.hash), ...row.sessions].slice(0, SESSIONS_MAX);
    row.from = met.from;
    row.bare = met.bare;
    row.metAt = at.now;
    if (!met.bare) {
      row.knocking = undefined;
      row.settled = 0;
    } else if (row.knocking !== undefined) {
      // The handshake with the new key was begun, and answered before we heard kem-done.
      row.knocking.at = Math.min(row.knocking.at, at.now + SOON_MS);
    }
    if (row.begins) this.consider(row, at, out);
    this.schedule();
  }

  /** At a new session: whether an exchange is due in it. */
  private consider(row: Row, at: Times, out: MeshEffect[]): void {
    const { agreedAt } = row;
    if (row.asking !== undefined) this.goOn(row, row.asking, at, out);
    else if (agreedAt === undefined) this.ask(row, at, out);
    else if (row.bare && at.now - agreedAt >= SETTLE_MS) this.ask(row, at, out);
    else if (row.bare) row.askAt = at.now + SETTLE_MS;
    else if (at.now - agreedAt >= ROTATE_MS) this.ask(row, at, out);
    else row.askAt = agreedAt + ROTATE_MS;
  }

  onFrame(node: NodeId, frame: KemFrame, at: Times, out: MeshEffect[]): void {
    const row = this.rows.get(node);
    if (row === undefined || row.begins !== (frame.kind === 'kem-box')) return;
    if (frame.kind === 'kem-box') this.onBox(row, frame, at, out);
    else if (frame.kind === 'kem-key') this.onKey(row, frame, at, out);
    else this.onDone(row, frame, at, out);
    this.schedule();
  }

  /** Wipes what is held of it. */
  forget(node: NodeId): void {
    const row = this.rows.get(node);
    if (row === undefined) return;
    for (const key of row.keys) wipe(key);
    if (row.asking) wipe(row.asking.secretKey);
    this.rows.delete(node);
    this.schedule();
  }

  tick(at: Times, out: MeshEffect[]): void {
    if (this.due === undefined || at.now < this.due) return;
    for (const row of this.rows.values()) this.tickRow(row, at, out);
    this.schedule();
  }

  deadline(): Millis | undefined {
    return this.due;
  }

  private tickRow(row: Row, at: Times, out: MeshEffect[]): void {
    const met = this.ground.isMet(row.node);
    if (row.askAt !== undefined && at.now >= row.askAt) {
      row.askAt = undefined; // not met: the next session brings it up again
      if (met) this.ask(row, at, out);
    }
    if (isDue(row.asking, at) && !this.again(row, row.asking, met, at, out)) this.giveUp(row);
    if (isDue(row.boxed, at) && !this.again(row, row.boxed, met, at, out)) {
      row.boxed.retry.at = Number.POSITIVE_INFINITY; // a late kem-done still counts
    }
    if (row.knocking !== undefined && at.now >= row.knocking.at) this.knock(row, at, out);
  }

  /** Sends it once more; false: that was often enough. */
  private again(
    row: Row,
    what: { frame: KemFrame; retry: Retry },
    met: boolean,
    at: Times,
    out: MeshEffect[],
  ): boolean {
    if (!met || (what.retry.tries >= TRIES_MAX && !row.bare)) return false;
    const retry = next(what.retry, at.now);
    // The other side may have answered it and forgotten that: another key, in the newest session.
    if (what === row.asking && row.asking.sessions.length > 1) this.ask(row, at, out);
    else this.send(row, what.frame, at, out);
    (what === row.boxed ? row.boxed : (row.asking ?? what)).retry = retry;
    return true;
  }

  /**
   * In the new session: where handshakes crossed, the other side may not have the one before; nor
   * has it, if it was rebooted since.
   */
  private goOn(row: Row, asking: Asking, at: Times, out: MeshEffect[]): void {
    const [session] = row.sessions;
    if (session === undefined) return;
    asking.sessions = [session, ...asking.sessions].slice(0, SESSIONS_MAX);
    asking.frame = { ...asking.frame, session: nameOfSession(session) };
    this.send(row, asking.frame, at, out);
  }

  /** Begins an exchange in the newest session, in the place of one that may be going on. */
  private ask(row: Row, at: Times, out: MeshEffect[]): void {
    const [session] = row.sessions;
    if (session === undefined) return;
    this.giveUp(row);
    row.askAt = undefined;
    const { publicKey: key, secretKey } = this.kem.keys(this.ground.random(KEM_SEED_BYTES));
    const old = nameOfKey(row.keys[0] ?? ZERO);
    const frame = { kind: 'kem-key', key, session: nameOfSession(session), old } as const;
    row.asking = { frame, secretKey, sessions: [session], retry: first(at.now) };
    this.send(row, frame, at, out);
  }

  private giveUp(row: Row): void {
    if (row.asking) wipe(row.asking.secretKey);
    row.asking = undefined;
  }

  private onKey(row: Row, frame: FrameOf<'kem-key'>, at: Times, out: MeshEffect[]): void {
    const of = hash(frame.key);
    if (row.boxed && equal(row.boxed.of, of)) this.send(row, row.boxed.frame, at, out);
    if (row.seen.some((key) => equal(key, of))) return; // again, or late
    const session = row.sessions.find((one) => equal(nameOfSession(one), frame.session));
    if (session === undefined || !this.mayBox(row, at.now)) return;
    const sealed = this.kem.encapsulate(frame.key, this.ground.random(KEM_MESSAGE_BYTES));
    if (sealed === undefined) return;
    row.seen = [of, ...row.seen].slice(0, SEEN_MAX);
    const old = named(row, frame.old) ?? ZERO;
    const key = derive(session, old, sealed.secret, [this.ground.self, row.node]);
    wipe(sealed.secret);
    const made = nameOfKey(key);
    const box = { kind: 'kem-box', box: sealed.box, old: nameOfKey(old), made } as const;
    row.boxed = { frame: box, of, made, retry: first(at.now) };
    // It named the newest that it has: whatever else we hold is of no use any more.
    this.hold(row, [key, old], old, out);
    this.send(row, box, at, out);
  }

  private mayBox(row: Row, now: Millis): boolean {
    row.boxes = row.boxes.filter((since) => now - since < BOXES_MS);
    if (row.boxes.length >= BOXES_MAX) return false;
    row.boxes.push(now);
    return true;
  }

  private onBox(row: Row, frame: FrameOf<'kem-box'>, at: Times, out: MeshEffect[]): void {
    if (row.done && equal(row.done.made, frame.made)) this.send(row, row.done, at, out);
    const old = named(row, frame.old);
    if (row.asking === undefined || old === undefined) return;
    const { secretKey, sessions } = row.asking;
    const secret = this.kem.decapsulate(frame.box, secretKey);
    const ends = [this.ground.self, row.node] as const;
    const keys = sessions.map((session) => derive(session, old, secret, ends));
    const key = keys.find((one) => equal(nameOfKey(one), frame.made));
    for (const one of keys) if (one !== key) wipe(one);
    wipe(secret);
    if (key === undefined) return; // a box for an earlier public key of ours
    this.giveUp(row);
    row.agreedAt = at.now;
    // Still bare by then: whoever made the box was rebooted right after.
    const settle = Math.min(ROTATE_MS, SETTLE_MS * 2 ** row.settled++);
    row.askAt = at.now + (row.bare ? settle : ROTATE_MS);
    row.done = { kind: 'kem-done', made: nameOfKey(key) };
    // In this order: a handshake that the key brings about finds the other side ready.
    this.send(row, row.done, at, out);
    this.hold(row, [key, old], key, out);
  }

  private onDone(row: Row, frame: FrameOf<'kem-done'>, at: Times, out: MeshEffect[]): void {
    const [key] = row.keys;
    if (row.boxed === undefined || key === undefined) return;
    if (!equal(row.boxed.made, frame.made)) return;
    row.boxed = undefined;
    row.agreedAt = at.now;
    this.hold(row, [key], key, out);
    if (!row.bare) return;
    const soon = row.metAt + SOON_MS;
    row.knocking = { tries: 0, at: at.now < soon ? soon : at.now + KNOCK_AFTER_MS };
  }

  /** A handshake with the new key, for user packets wait while the session is bare. */
  private knock(row: Row, at: Times, out: MeshEffect[]): void {
    const { knocking, from } = row;
    const enough = knocking === undefined || knocking.tries >= TRIES_MAX;
    if (enough || from === undefined || !this.ground.isMet(row.node)) {
      row.knocking = undefined;
      return;
    }
    row.knocking = next(knocking, at.now);
    out.push({ kind: 'knock', node: row.node, places: [from] });
  }

  /** `keys` are all that may be common from now on; others are wiped. */
  private hold(row: Row, keys: Uint8Array[], respond: Uint8Array, out: MeshEffect[]): void {
    const kept = keys.filter((key) => key !== ZERO);
    for (const key of row.keys) if (!kept.includes(key)) wipe(key);
    row.keys = kept;
    row.respond = respond;
    const initiate = [...kept, ZERO].map((key) => Uint8Array.from(key));
    const copies = { initiate, respond: Uint8Array.from(respond) };
    out.push({ kind: 'preshared', node: row.node, keys: copies });
  }

  /** Where the handshake went a moment ago: a channel opened since may not be known there yet. */
  private send(row: Row, frame: KemFrame, at: Times, out: MeshEffect[]): void {
    const isFresh = row.from !== undefined && at.now - row.metAt < FRESH_MS;
    const to = { kind: 'frame', node: row.node, frame } as const;
    out.push(isFresh && row.from !== undefined ? { ...to, at: row.from } : to);
  }

  private begin(node: NodeId): Row {
    const row: Row = {
      node,
      begins: this.ground.self < node,
      keys: [],
      respond: ZERO,
      sessions: [],
      from: undefined,
      bare: true,
      metAt: 0,
      agreedAt: undefined,
      settled: 0,
      askAt: undefined,
      asking: undefined,
      boxed: undefined,
      seen: [],
      boxes: [],
      done: undefined,
      knocking: undefined,
    };
    this.rows.set(node, row);
    return row;
  }

  private schedule(): void {
    let due = Number.POSITIVE_INFINITY;
    for (const { askAt, asking, boxed, knocking } of this.rows.values()) {
      due = Math.min(
        due,
        askAt ?? Number.POSITIVE_INFINITY,
        asking?.retry.at ?? Number.POSITIVE_INFINITY,
        boxed?.retry.at ?? Number.POSITIVE_INFINITY,
        knocking?.at ?? Number.POSITIVE_INFINITY,
      );
    }
    this.due = Number.isFinite(due) ? due : undefined;
  }
}

/** The key of this name that we hold; zero has a name, too. */
function named(row: Row, name: Uint8Array): Uint8Array | undefined {
  return [...row.keys, ZERO].find((key) => equal(nameOfKey(key), name));
}

const first = (now: Millis): Retry => ({ tries: 1, at: now + RETRY_MS });

function next({ tries }: Retry, now: Millis): Retry {
  return { tries: tries + 1, at: now + Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** tries) };
}

function isDue<T extends { retry: Retry }>(what: T | undefined, at: Times): what is T {
  return what !== undefined && at.now >= what.retry.at;
}
