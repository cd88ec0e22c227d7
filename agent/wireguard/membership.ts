// What a peer has beyond WireGuard when it is a member of our mesh: knocks at several places at
// once, pre-shared keys that come and go, and packets that wait although no place is known.

import type { Place } from '../bytes/address.js';
import { isZero, Secret } from '../crypto/secret.js';
import type { Effect, Millis, PeerId } from './effects.js';
import {
  FALLBACK_MS,
  KNOCK_GAP_MS,
  KNOCK_MS,
  KNOCK_PLACES_MAX,
  PRESHARED_KEYS_MAX,
  REKEY_TIMEOUT_MS,
  WAIT_MS,
} from './limits.js';
import { NO_PRESHARED_KEY } from './noise.js';
import { sameEnd } from './place.js';
import type { Origin, SessionEntry } from './sessions.js';

const NEVER = Number.POSITIVE_INFINITY;

/** Keys of 32 bytes; zeros: none. */
export type PresharedKeys = Readonly<{
  /** As initiator we `send`; the response is tried with these in turn: new, old, zero. */
  initiate: readonly Uint8Array[];
  /** As responder. */
  respond: Uint8Array;
}>;

type Knock = {
  readonly datagram: Uint8Array;
  readonly begunAt: Millis;
  readonly places: Place[];
  nextAt: Millis;
  until: Millis;
};

export class Membership {
  /** Sessions without a pre-shared key carry control frames only. */
  requirePresharedKey = false;
  private initiate: Secret[] = [];
  private respond: Secret | undefined;
  private knock: Knock | undefined;
  private dropAt: Millis = NEVER;
  private bareUntil: Millis = 0;

  constructor(
    private readonly peer: PeerId,
    /** Not one of us yet: whoever stands at the door (porch.ts). */
    readonly isPorch: boolean,
  ) {}

  // Pre-shared keys

  setKeys({ initiate, respond }: PresharedKeys): void {
    this.wipe();
    this.initiate = initiate.slice(0, PRESHARED_KEYS_MAX).map((key) => Secret.copyOf(key));
    this.respond = Secret.copyOf(respond);
  }

  /**
   * Whether a handshake would be made with a secret key: one that we answer with is one that the
   * other side surely has; of those that we would try, it may not have the newest yet.
   */
  get hasKey(): boolean {
    return this.respond !== undefined && !isZero(this.respond.bytes);
  }

  /** What a response may have been made with; undefined: what is configured. */
  initiateKeys(): readonly Uint8Array[] | undefined {
    return this.initiate.length === 0 ? undefined : this.initiate.map(({ bytes }) => bytes);
  }

  /**
   * What our response is made with; undefined: what is configured. `unconfirmed`: our last
   * response, of which nothing came: they may not have our key any more. (One made with none may
   * be of a handshake that crossed another: it says nothing.)
   */
  respondKey(unconfirmed: SessionEntry | undefined, now: Millis): Uint8Array | undefined {
    const origin = unconfirmed?.origin;
    if (this.respond === undefined) return undefined;
    if (origin?.zero === false) this.bareUntil = origin.at + FALLBACK_MS;
    return origin !== undefined && now < this.bareUntil ? NO_PRESHARED_KEY : this.respond.bytes;
  }

  /** How a session came about that was made with this key. */
  origin(
    initiator: boolean,
    from: Place,
    hash: Uint8Array,
    presharedKey: Uint8Array,
    at: Millis,
  ): Origin {
    return { initiator, from, hash, zero: isZero(presharedKey), at };
  }

  isBare(origin: Origin | undefined): boolean {
    return origin?.zero === true && this.requirePresharedKey;
  }

  wipe(): void {
    for (const key of this.initiate) key.wipe();
    this.respond?.wipe();
    this.initiate = [];
    this.respond = undefined;
  }

  // Knocks

  isKnocking(now: Millis): boolean {
    return this.knock !== undefined && now < this.knock.until;
  }

  /** More places for the knock under way; undefined where a new one is to be begun. */
  join(places: readonly Place[], now: Millis, out: Effect[]): number | undefined {
    const { knock } = this;
    if (knock === undefined || now >= knock.until) return undefined;
    if (now - knock.begunAt >= REKEY_TIMEOUT_MS) return undefined;
    knock.until = now + KNOCK_MS;
    this.dropAt = now + WAIT_MS;
    return this.send(this.add(knock, places), out);
  }

  /** `datagram`: the initiation, macs and all. Returns how many bytes went out. */
  begin(datagram: Uint8Array, places: readonly Place[], now: Millis, out: Effect[]): number {
    const [nextAt, until] = [now + KNOCK_GAP_MS, now + KNOCK_MS];
    this.knock = { datagram, begunAt: now, places: [], nextAt, until };
    this.dropAt = now + WAIT_MS;
    return this.send(this.add(this.knock, places), out);
  }

  /** A cookie came: what goes out from now on has it. Only mac2 differs. */
  onCookie(addMacs: (datagram: Uint8Array) => void): void {
    if (this.knock !== undefined) addMacs(this.knock.datagram);
  }

  endKnock(): void {
    this.knock = undefined;
  }

  // What waits

  wanted(now: Millis): void {
    if (this.dropAt === NEVER) this.dropAt = now + WAIT_MS;
  }

  /** There is a session, and now a way: nothing waits any more. */
  found(): void {
    this.dropAt = NEVER;
  }

  /** A session has come to be used. */
  met({ id, origin }: SessionEntry, out: Effect[]): void {
    this.knock = undefined;
    if (!this.isBare(origin)) this.dropAt = NEVER; // else user packets wait on
    if (origin === undefined) return;
    const { peer } = this;
    const { initiator, from, hash, zero } = origin;
    if (this.isPorch) out.push({ kind: 'porch', peer, hash, from });
    else out.push({ kind: 'met', peer, session: id, initiator, from, hash, bare: zero });
  }

  deadline(): Millis {
    return Math.min(this.knock?.nextAt ?? NEVER, this.dropAt);
  }

  /** Returns how many bytes went out. */
  tick(now: Millis, out: Effect[]): number {
    if (now >= this.dropAt) {
      this.dropAt = NEVER;
      out.push({ kind: 'drop-waiting', peer: this.peer });
    }
    const { knock } = this;
    if (knock === undefined || now < knock.nextAt) return 0;
    if (now >= knock.until) {
      this.knock = undefined;
      return 0;
    }
    knock.nextAt = now + KNOCK_GAP_MS;
    return this.send(knock.places, out);
  }

  private add(knock: Knock, places: readonly Place[]): Place[] {
    const fresh: Place[] = [];
    for (const place of places) {
      if (knock.places.length >= KNOCK_PLACES_MAX) break;
      if (knock.places.some((known) => sameEnd(known, place))) continue;
      knock.places.push(place);
      fresh.push(place);
    }
    return fresh;
  }

  private send(places: readonly Place[], out: Effect[]): number {
    const { knock } = this;
    if (knock === undefined) return 0;
    for (const to of places) {
      out.push({ kind: 'send', datagram: Uint8Array.from(knock.datagram), to });
    }
    return places.length * knock.datagram.length;
  }
}
