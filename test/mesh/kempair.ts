// Two members that agree on post-quantum keys over a wire that loses, delays and doubles frames,
// in virtual time. WireGuard is reduced to what matters here: with which key a handshake ends.

import type { Place } from '../../agent/bytes/address.js';
import type { Kem } from '../../agent/crypto/mlkem.js';
import { hash } from '../../agent/crypto/primitives.js';
import type { NodeId } from '../../agent/identity/member.js';
import type { MeshEffect, PresharedKeys } from '../../agent/mesh/effects.js';
import type { Frame, FrameOf } from '../../agent/mesh/frame.js';
import { KemKeys } from '../../agent/mesh/kem.js';
import { FakeGround, FakeRoll, nodeId, place, times } from './ground.js';

type KemFrame = FrameOf<'kem-key' | 'kem-box' | 'kem-done'>;
const ZERO = new Uint8Array(32);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** Agrees like ML-KEM does, without its work; no secret at all. */
export const plainKem: Kem = {
  keys(seed) {
    const publicKey = new Uint8Array(1_184);
    publicKey.set(hash(seed));
    return { publicKey, secretKey: Uint8Array.from(publicKey) };
  },
  encapsulate(publicKey, message) {
    const box = new Uint8Array(1_088);
    box.set(message);
    return { box, secret: hash(publicKey, message) };
  },
  decapsulate: (box, secretKey) => hash(secretKey, box.subarray(0, 32)),
};

export class Side {
  kem: KemKeys;
  ground: FakeGround;
  keys: PresharedKeys = { initiate: [ZERO], respond: ZERO };

  constructor(
    readonly node: NodeId,
    readonly other: NodeId,
    private readonly roll: FakeRoll,
    private readonly make: Kem | undefined,
    seed: number,
  ) {
    this.ground = new FakeGround(node, roll, seed);
    this.kem = new KemKeys(this.ground, make);
  }

  reboot(seed: number): void {
    this.ground = new FakeGround(this.node, this.roll, seed);
    this.kem = new KemKeys(this.ground, this.make);
    this.keys = { initiate: [ZERO], respond: ZERO };
  }
}

type Flight = { at: number; to: Side; frame: KemFrame };

export class KemPair {
  now = 0;
  readonly low: Side;
  readonly high: Side;
  /** The session in use; undefined: none. */
  session: { key: string; bare: boolean } | undefined;
  sent = 0;
  sessions = 0;
  bareSessions = 0;
  failed = 0; // handshakes whose response could not be opened
  /** How long the n-th frame takes, and each copy of it; none: it is lost. */
  delays: (n: number, frame: KemFrame) => number[] = () => [10];
  /** Called after everything that happens. */
  check: () => void = () => {};
  /** Called when a side's device is told of keys. */
  onKeys: (side: Side) => void = () => {};
  /** Called with where a frame is sent; undefined: wherever the peer is. */
  onFrame: (at: Place | undefined) => void = () => {};
  readonly knocks: number[] = [];
  private begun: { at: number; by: Side }[] = [];
  private flights: Flight[] = [];

  constructor(seed = 1, kem: Kem | undefined = plainKem) {
    const nodes = [nodeId(2 * seed), nodeId(2 * seed + 1)].sort() as [NodeId, NodeId];
    const roll = new FakeRoll(nodes);
    this.low = new Side(nodes[0], nodes[1], roll, kem, 1_000 + seed);
    this.high = new Side(nodes[1], nodes[0], roll, kem, 2_000 + seed);
  }

  otherOf(side: Side): Side {
    return side === this.low ? this.high : this.low;
  }

  /** A handshake; the second initiation, 5 s after one that failed, is answered with zero. */
  handshake(by: Side): void {
    const to = this.otherOf(by);
    const tried = by.keys.initiate.map(hex);
    const fits = tried.includes(hex(to.keys.respond));
    if (!fits) this.failed++;
    if (!fits) this.now += 5_000;
    const key = fits ? to.keys.respond : ZERO;
    const bare = key.every((byte) => byte === 0);
    this.session = { key: hex(key), bare };
    this.sessions++;
    if (bare) this.bareSessions++;
    const handshakeHash = hash(key, Uint8Array.of(this.sessions & 255, this.sessions >> 8));
    for (const side of [by, to]) {
      side.ground.met.add(side.other);
      const from = place('192.0.2.1');
      const met = { initiator: side === by, from, hash: handshakeHash, bare };
      this.perform(side, (out) => side.kem.onMet(side.other, met, times(this.now), out));
    }
  }

  /** An initiation goes out: it arrives as frames do. */
  later(by: Side): void {
    this.begun.push({ at: this.now + 10, by });
  }

  /** Frames and ticks in the order of their times, until `until` or until nothing is due. */
  run(until: number, enough: () => boolean = () => false): void {
    for (let steps = 0; steps < 10_000 && !enough(); steps++) {
      const ticks = [this.low, this.high].map((side) => side.kem.deadline() ?? Infinity);
      const moving = [...this.flights, ...this.begun];
      const due = Math.min(...ticks, ...moving.map(({ at }) => at));
      if (due > until) break;
      this.now = Math.max(this.now, due);
      this.step();
    }
    if (!enough()) this.now = Math.max(this.now, until);
  }

  private step(): void {
    const arrived = this.flights.filter((flight) => flight.at <= this.now);
    this.flights = this.flights.filter((flight) => flight.at > this.now);
    for (const { to, frame } of arrived) this.give(to, frame);
    const begun = this.begun.filter(({ at }) => at <= this.now);
    this.begun = this.begun.filter(({ at }) => at > this.now);
    for (const { by } of begun) this.handshake(by);
    for (const side of [this.low, this.high]) {
      this.perform(side, (out) => side.kem.tick(times(this.now), out));
    }
  }

  give(to: Side, frame: KemFrame): void {
    if (!to.ground.met.has(to.other)) return; // no session to open it with
    this.perform(to, (out) => to.kem.onFrame(to.other, frame, times(this.now), out));
  }

  private perform(side: Side, act: (out: MeshEffect[]) => void): void {
    const out: MeshEffect[] = [];
    act(out);
    let knocked = false;
    for (const effect of out) {
      if (effect.kind === 'preshared') {
        side.keys = effect.keys;
        this.onKeys(side);
      }
      if (effect.kind === 'frame') {
        this.onFrame(effect.at);
        this.send(side, effect.frame);
      }
      if (effect.kind === 'knock') knocked = true;
    }
    this.check();
    if (knocked) this.knocks.push(this.now);
    if (knocked) this.handshake(side);
  }

  private send(side: Side, frame: Frame): void {
    const to = this.otherOf(side);
    for (const delay of this.delays(this.sent++, frame as KemFrame)) {
      this.flights.push({ at: this.now + delay, to, frame: frame as KemFrame });
    }
  }

  reboot(side: Side, seed: number): void {
    side.reboot(seed);
    this.session = undefined;
    const other = this.otherOf(side);
    other.ground.met.delete(other.other);
    this.flights = this.flights.filter(({ to }) => to !== side);
  }

  /** Whether a handshake now, by either, would end with a key that is not zero. */
  get agreed(): boolean {
    return [this.low, this.high].every((side) => {
      const respond = hex(this.otherOf(side).keys.respond);
      return respond !== hex(ZERO) && side.keys.initiate.map(hex).includes(respond);
    });
  }

  /** Whether the response to an initiation now, by either, could be opened. */
  get common(): boolean {
    return [this.low, this.high].every((side) =>
      side.keys.initiate.map(hex).includes(hex(this.otherOf(side).keys.respond)),
    );
  }
}
