// The newcomer's side of the door: a small WireGuard machine of its own, whose key is the door's.
// It knocks at the members that the invite names, shows what it has in the first session that
// comes about, and hears whether it is welcome. Without I/O: datagrams and time come in, datagrams
// go out through `send`, and `outcome` is set in the end.
//
// One member at a time is asked; the other where the first refuses or falls silent, so that not
// two of them let in the same device.

import type { Endpoint, Place } from '../bytes/address.js';
import { ed25519 } from '../crypto/ed25519.js';
import { doorKeyOf } from '../identity/doorkey.js';
import type { NodeId } from '../identity/member.js';
import { Device } from '../wireguard/device.js';
import type { Effect, Millis, PeerId } from '../wireguard/effects.js';
import type { PlaneEvent } from '../wireguard/orders.js';
import { SoftPlane } from '../wireguard/softplane.js';
import type { Times } from './effects.js';
import type { Frame, FrameOf } from './frame.js';
import { encodeFrame, FrameReader } from './frames.js';

export const GIVE_UP_MS = 10_000;
export const KNOCK_MS = 2_000; // as long as one knock lasts (Device.knock)
export const SHOW_MS = 500; // before what was shown is shown again: frames may be lost
export const PATIENCE_MS = 1_500; // with one that says nothing, and then the other is asked, too
export const DOORS_MAX = 4; // an invite names two; of one member we may know more places

export type Doorstep = Readonly<{ nodeKey: Uint8Array; endpoint: Endpoint }>;

export type DoorClientOptions = Readonly<{
  meshKey: Uint8Array;
  doors: readonly Doorstep[];
  node: NodeId; // who stands there
  statements: readonly Uint8Array[]; // what it shows
  /** With the node key, over the hash of the handshake (identity/show.ts). */
  sign: (hash: Uint8Array) => Uint8Array;
  random: (bytes: number) => Uint8Array;
  slotFor: (endpoint: Endpoint) => number;
  send: (datagram: Uint8Array, to: Place) => void;
  giveUpMs?: Millis; // GIVE_UP_MS
}>;

export type DoorOutcome = Readonly<
  | { kind: 'welcome'; frame: FrameOf<'welcome'>; by: Uint8Array; endpoint: Endpoint }
  | { kind: 'unwelcome'; reason: string }
  | { kind: 'silence' } // nobody answered any handshake
  | { kind: 'mute' } // a handshake was answered, what was shown was not
>;

type Door = {
  readonly nodeKey: Uint8Array;
  readonly places: Place[];
  readonly reader: FrameReader;
  from: Place | undefined; // where it answered
  hash: Uint8Array | undefined; // of the session; undefined: none yet
  shownAt: Millis; // for the first time
  refused: string | undefined;
  refusedAt: Millis;
};

const NEVER = Number.POSITIVE_INFINITY;

export class DoorClient {
  outcome: DoorOutcome | undefined;
  private readonly device: Device;
  private readonly plane: SoftPlane;
  private readonly doors = new Map<PeerId, Door>();
  private startedAt: Millis = 0;
  private knockAt: Millis = 0;
  private showAt: Millis = NEVER;
  private now: Millis = 0;

  constructor(private readonly options: DoorClientOptions) {
    this.plane = new SoftPlane({ send: options.send, deliver: () => {}, route: () => undefined });
    this.device = new Device({
      random: options.random,
      traffic: (peer) => this.plane.traffic(peer),
      slotFor: options.slotFor,
    });
  }

  start(at: Times): void {
    this.now = at.now;
    this.startedAt = at.now;
    const { privateKey } = doorKeyOf(this.options.meshKey);
    this.perform(this.device.setPrivateKey(privateKey), at);
    this.perform(this.device.up(at.now, at.wall), at);
    privateKey.fill(0);
    const doors = this.options.doors.slice(0, DOORS_MAX);
    for (const { nodeKey, endpoint } of doors) this.addDoor(nodeKey, endpoint, at);
    if (this.doors.size === 0) this.outcome = { kind: 'silence' };
    this.knock(at);
  }

  outside(datagram: Uint8Array, from: Place, at: Times): void {
    this.now = at.now;
    if (this.outcome !== undefined) return;
    this.react(this.plane.outside(datagram, from, at.now), at);
    this.conclude(at);
  }

  tick(at: Times): void {
    this.now = at.now;
    if (this.outcome !== undefined) return;
    const due = this.device.deadline();
    if (due !== undefined && due <= at.now) this.perform(this.device.tick(at.now, at.wall), at);
    if (at.now >= this.knockAt) this.knock(at);
    if (at.now >= this.showAt) this.show(at);
    this.conclude(at);
  }

  /** Undefined once there is an outcome. */
  deadline(): Millis | undefined {
    if (this.outcome !== undefined) return undefined;
    const refusals = [...this.doors.values()].map(({ refusedAt }) => refusedAt + PATIENCE_MS);
    const own = this.device.deadline() ?? NEVER;
    const giveUpAt = this.startedAt + this.giveUpMs;
    return Math.min(own, this.knockAt, this.showAt, giveUpAt, ...refusals);
  }

  /** All keys wiped. */
  close(): void {
    for (const effect of this.device.close())
      if (effect.kind !== 'ceiling') this.plane.order(effect, this.now);
  }

  private get giveUpMs(): Millis {
    return this.options.giveUpMs ?? GIVE_UP_MS;
  }

  private addDoor(nodeKey: Uint8Array, endpoint: Endpoint, at: Times): void {
    const publicKey = ed25519.toX25519(nodeKey);
    if (publicKey === undefined) return;
    const place = { slot: this.options.slotFor(endpoint), endpoint, source: null, channel: 0 };
    const known = this.device.findPeer(publicKey);
    if (known !== undefined) {
      this.doors.get(known)?.places.push(place);
      return;
    }
    const added = this.device.addPeer(publicKey, { roams: false, member: true });
    if (added === undefined) return;
    const reader = new FrameReader(() => {}); // what is no frame is no answer
    this.doors.set(added.peer, {
      nodeKey,
      places: [place],
      reader,
      from: undefined,
      hash: undefined,
      shownAt: NEVER,
      refused: undefined,
      refusedAt: NEVER,
    });
    this.perform(added.effects, at);
  }

  private knock(at: Times): void {
    this.knockAt = at.now + KNOCK_MS;
    for (const [peer, { places, hash }] of this.doors) {
      if (hash === undefined) this.perform(this.device.knock(peer, places, at.now, at.wall), at);
    }
  }

  /** Once more to whom it was shown before, and to another one where they have had their time. */
  private show(at: Times): void {
    const asked = [...this.doors].filter(([, { hash, refused }]) => hash && refused === undefined);
    const before = asked.filter(([, { shownAt }]) => shownAt !== NEVER);
    const patience = before.map(([, { shownAt }]) => shownAt + PATIENCE_MS);
    const another = asked.find(([, { shownAt }]) => shownAt === NEVER);
    const isTime = at.now >= Math.max(at.now, ...patience);
    for (const [peer, door] of another && isTime ? [...before, another] : before) {
      door.shownAt = Math.min(door.shownAt, at.now);
      this.say(peer, this.shown(door), at);
    }
    this.showAt = asked.length > 0 ? at.now + SHOW_MS : NEVER;
  }

  private shown({ hash = new Uint8Array(0) }: Door): Frame {
    const { node, statements, sign } = this.options;
    return { kind: 'show', statements, node, signature: sign(hash) };
  }

  private say(peer: PeerId, frame: Frame, at: Times): void {
    for (const bytes of encodeFrame(frame))
      this.react(this.plane.order({ kind: 'frame', peer, frame: bytes }, at.now), at);
  }

  private perform(effects: readonly Effect[], at: Times): void {
    for (const effect of effects) {
      if (effect.kind === 'ceiling') continue; // a key of the moment: nothing to protect
      this.react(this.plane.order(effect, at.now), at);
      if (effect.kind === 'met') this.met(effect, at);
    }
  }

  private met(effect: Extract<Effect, { kind: 'met' }>, at: Times): void {
    const door = this.doors.get(effect.peer);
    if (door === undefined) return;
    door.hash = Uint8Array.from(effect.hash);
    door.from = effect.from;
    const { now, wall } = at;
    this.perform(this.device.setPlace(effect.peer, effect.from, now, wall), at);
    this.show(at);
  }

  private react(events: readonly PlaneEvent[], at: Times): void {
    const { device } = this;
    const { now, wall } = at;
    for (const event of events) {
      if (event.kind === 'handshake') this.perform(device.onHandshake(event, false, now, wall), at);
      else if (event.kind === 'active') this.perform(device.onActive(event.peer, now, wall), at);
      else if (event.kind === 'confirmed')
        this.perform(device.onConfirmed(event.session, now, wall), at);
      else if (event.kind === 'frame') this.heard(event.peer, event.frame, at);
    }
  }

  private heard(peer: PeerId, bytes: Uint8Array, at: Times): void {
    const door = this.doors.get(peer);
    const frame = door?.reader.read(bytes, at.now);
    if (door?.from === undefined || frame === undefined || this.outcome !== undefined) return;
    if (frame.kind === 'unwelcome' && door.refused === undefined) {
      door.refused = frame.reason;
      door.refusedAt = at.now;
      this.show(at);
    } else if (frame.kind === 'welcome') {
      const { nodeKey: by, from } = door;
      this.end({ kind: 'welcome', frame, by, endpoint: from.endpoint }, at);
    }
  }

  /** Whether nothing more is to be waited for. A refusal says more than silence. */
  private conclude(at: Times): void {
    if (this.outcome !== undefined) return;
    const doors = [...this.doors.values()];
    const refused = doors.find((door) => door.refused !== undefined);
    const open = doors.filter((door) => door.refused === undefined);
    const late = at.now >= this.startedAt + this.giveUpMs;
    if (refused?.refused !== undefined) {
      const unheard = open.every(({ hash }) => hash === undefined);
      const patient = open.length > 0 && !(unheard && at.now >= refused.refusedAt + PATIENCE_MS);
      if (late || !patient) this.end({ kind: 'unwelcome', reason: refused.refused }, at);
    } else if (late) {
      const met = doors.some(({ hash }) => hash !== undefined);
      this.end({ kind: met ? 'mute' : 'silence' }, at);
    }
  }

  private end(outcome: DoorOutcome, at: Times): void {
    this.outcome = outcome;
    for (const [peer, { hash }] of this.doors) {
      if (hash !== undefined) this.say(peer, { kind: 'bye' }, at); // makes room on the porch
    }
  }
}
