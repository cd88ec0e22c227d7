// Members that gossip over links which lose and delay, in virtual time. A statement here is bytes;
// "bad" in front: not proven; "revocation" in front: urgent.

import { sha256 } from '@noble/hashes/sha2.js';
import { OrderedIds } from '../../agent/identity/idset.js';
import type { NodeId, StatementId } from '../../agent/identity/member.js';
import { idOf } from '../../agent/identity/nodeid.js';
import type { MeshEffect } from '../../agent/mesh/effects.js';
import type { Frame } from '../../agent/mesh/frame.js';
import { encodeFrame, FrameReader } from '../../agent/mesh/frames.js';
import { Gossip } from '../../agent/mesh/gossip.js';
import type { Library } from '../../agent/mesh/library.js';
import type { GossipFrame } from '../../agent/mesh/machines.js';
import { Random } from '../lab/random.js';
import { FakeGround, FakeRoll, nodeId, times } from './ground.js';

export const statement = (text: string, length = 300): Uint8Array => {
  const bytes = new Uint8Array(Math.max(length, text.length));
  bytes.set(new TextEncoder().encode(text));
  return bytes;
};
export const idOfStatement = (bytes: Uint8Array): StatementId => idOf(sha256(bytes));
const startsWith = (bytes: Uint8Array, word: string) =>
  Buffer.from(bytes.subarray(0, word.length)).toString('latin1') === word;

export class Shelf implements Library {
  readonly ids = new OrderedIds();
  readonly all = new Map<StatementId, Uint8Array>();

  put(bytes: Uint8Array): boolean {
    const id = idOfStatement(bytes);
    this.all.set(id, bytes);
    return this.ids.add(id);
  }

  get(id: StatementId): Uint8Array | undefined {
    return this.all.get(id);
  }

  rank(id: StatementId): number {
    return this.isUrgent(this.all.get(id)!) ? 1 : 3;
  }

  isUrgent(bytes: Uint8Array): boolean {
    return startsWith(bytes, 'revocation');
  }
}

export class Member {
  readonly shelf = new Shelf();
  readonly ground: FakeGround;
  readonly gossip: Gossip;
  readonly readers = new Map<NodeId, FrameReader>();
  taken = 0; // statements that had to be verified
  sentBytes = 0;
  sentFrames = 0;

  constructor(
    readonly node: NodeId,
    roll: FakeRoll,
  ) {
    this.ground = new FakeGround(node, roll);
    this.gossip = new Gossip(this.ground, this.shelf, (statements) => {
      this.taken += statements.length;
      return statements.filter((one) => !startsWith(one, 'bad') && this.shelf.put(one));
    });
  }

  has(bytes: Uint8Array): boolean {
    return this.shelf.ids.has(idOfStatement(bytes));
  }
}

type Flight = { at: number; from: Member; to: Member; piece: Uint8Array };

export class GossipNet {
  now = 0;
  readonly members: Member[];
  loss = 0; // from 0 to 1
  delay = 10;
  readonly log: { at: number; from: Member; to: Member; frame: Frame }[] = [];
  private flights: Flight[] = [];
  private readonly dice: Random;

  constructor(count: number, seed = 1) {
    const nodes = Array.from({ length: count }, (_, i) => nodeId(1_000 * seed + i)).sort();
    const roll = new FakeRoll(nodes);
    this.members = nodes.map((node) => new Member(node, roll));
    this.dice = new Random(seed);
  }

  meet(a: Member, b: Member): void {
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      one.ground.met.add(other.node);
      one.readers.set(other.node, new FrameReader(() => {}));
      this.perform(one, (out) => one.gossip.onMet(other.node, times(this.now), out));
    }
  }

  part(a: Member, b: Member): void {
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      one.ground.met.delete(other.node);
      one.gossip.onLost(other.node);
    }
    this.flights = this.flights.filter(
      ({ from, to }) => !(from === a || from === b) || (to !== a && to !== b),
    );
  }

  /** A statement of the member's own making. */
  make(member: Member, ...statements: Uint8Array[]): void {
    for (const one of statements) member.shelf.put(one);
    this.perform(member, (out) => member.gossip.tell(statements, null, out));
  }

  ride(member: Member, to: Member): void {
    this.perform(member, (out) => member.gossip.ride(to.node, times(this.now), out));
  }

  run(ms: number, enough: () => boolean = () => false): void {
    const until = this.now + ms;
    while (!enough()) {
      let due = Number.POSITIVE_INFINITY;
      for (const { gossip } of this.members) due = Math.min(due, gossip.deadline() ?? due);
      for (const { at } of this.flights) due = Math.min(due, at);
      if (due > until) {
        this.now = until;
        return;
      }
      this.now = Math.max(this.now, due);
      this.step();
    }
  }

  private step(): void {
    const arrived = this.flights.filter(({ at }) => at <= this.now);
    this.flights = this.flights.filter(({ at }) => at > this.now);
    for (const { from, to, piece } of arrived) {
      const frame = to.readers.get(from.node)?.read(piece, this.now);
      if (frame !== undefined) this.give(to, from, frame as GossipFrame);
    }
    for (const member of this.members) {
      const due = member.gossip.deadline();
      if (due === undefined || due > this.now) continue;
      this.perform(member, (out) => member.gossip.tick(times(this.now), out));
    }
  }

  give(to: Member, from: Member, frame: GossipFrame): void {
    this.perform(to, (out) => to.gossip.onFrame(from.node, frame, times(this.now), out));
  }

  private perform(from: Member, act: (out: MeshEffect[]) => void): void {
    const out: MeshEffect[] = [];
    act(out);
    for (const effect of out) {
      if (effect.kind !== 'frame') throw new Error(`${effect.kind} from gossip`);
      const to = this.members.find(({ node }) => node === effect.node)!;
      this.log.push({ at: this.now, from, to, frame: effect.frame });
      from.sentFrames++;
      for (const piece of encodeFrame(effect.frame)) {
        from.sentBytes += piece.length;
        if (this.dice.next() < this.loss) continue;
        this.flights.push({ at: this.now + this.delay, from, to, piece });
      }
    }
  }

  get bytes(): number {
    return this.members.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
  }

  get same(): boolean {
    const [first] = this.members;
    const count = first?.shelf.ids.count;
    if (this.members.some(({ shelf }) => shelf.ids.count !== count)) return false;
    const none = new Uint8Array(0);
    const prints = this.members.map(({ shelf }) =>
      Buffer.from(shelf.ids.fingerprint(none, none)).toString('hex'),
    );
    return new Set(prints).size === 1;
  }
}
