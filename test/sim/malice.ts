// A member with a good key and bad intentions. Its agent is everybody's; what it would say is
// altered on the way out, and more is said than was asked for:
//
//   tracker   endpoints that nobody has, records of yesterday or of others, introductions of
//             people who do not look for each other, or no word at all
//   witness   attests whatever it likes; says that it is reachable where it is not
//   relay     drops and garbles what it carries
//   flood     frames of every kind that mean nothing, bytes that are no frames, forged statements
//   spoof     user packets in another member's name

import { addressBytes } from '../../agent/bytes/address.js';
import { SignedRecords } from '../../agent/identity/records.js';
import type { Frame, Sealed } from '../../agent/mesh/frame.js';
import { Random } from '../lab/random.js';
import { CHANNEL, CHANNEL_HEADER } from './checks.js';
import type { Tamper } from './hands.js';
import type { SimNode } from './node.js';
import { anyBytes, anyEndpoint, anyFrame, flipped } from './nonsense.js';
import type { Village } from './village.js';

export const TRICKS = ['tracker', 'mute', 'witness', 'relay', 'flood', 'spoof'] as const;
export type Trick = (typeof TRICKS)[number];

const KEPT_MAX = 64; // records of others, to be shown again later
const FLOOD_MS = 500;
const FLOOD_FRAMES = 3; // to each
const BAD_PART = 0.4; // of what it relays

export class Villain implements Tamper {
  private readonly random: Random;
  private readonly kept: Sealed[] = [];
  private readonly records: SignedRecords;

  constructor(
    private readonly village: Village,
    readonly node: SimNode,
    private readonly tricks: ReadonlySet<Trick>,
  ) {
    const { people } = village;
    this.random = new Random(village.world.random.below(2 ** 32));
    const { signer } = village.personOf(node);
    this.records = new SignedRecords(people.meshKey, signer, people.roster, people.crypto.verify);
  }

  begin(): void {
    this.node.tamper = this;
    this.village.checks.distrust(this.node.host);
    if (this.tricks.has('flood') || this.tricks.has('spoof')) this.round();
  }

  end(): void {
    this.node.tamper = undefined;
  }

  frames(_to: string, frame: Frame): readonly Frame[] {
    this.overhear(frame);
    const { tricks } = this;
    if (tricks.has('mute') && MUTE.has(frame.kind)) return [];
    const told = tricks.has('tracker') ? this.lie(frame) : frame;
    if (!tricks.has('witness')) return [told];
    return this.attest(told);
  }

  datagram(datagram: Uint8Array): Uint8Array | undefined {
    if (!this.tricks.has('relay') || datagram[0] !== CHANNEL) return datagram;
    if (this.random.next() >= BAD_PART) return datagram;
    if (this.random.below(2) === 0) return undefined;
    const bad = flipped(datagram, this.random);
    this.village.checks.garble(bad.subarray(CHANNEL_HEADER));
    return bad;
  }

  private overhear(frame: Frame): void {
    const heard =
      frame.kind === 'reachable'
        ? frame.records
        : frame.kind === 'found' || frame.kind === 'introduce'
          ? [frame.record]
          : [];
    for (const record of heard) {
      if (record === null) continue;
      if (this.kept.length < KEPT_MAX) this.kept.push(record);
      else this.kept[this.random.below(KEPT_MAX)] = record;
    }
  }

  private lie(frame: Frame): Frame {
    const { random } = this;
    const observed = anyEndpoint(random);
    switch (frame.kind) {
      case 'registered':
      case 'probe-ack':
        return { ...frame, observed };
      case 'found':
        return { ...frame, observed, record: this.anyRecord() };
      case 'introduce':
        return { ...frame, observed, node: this.anyNode(), record: this.anyRecord() };
      case 'reachable':
        return { ...frame, records: [...frame.records, this.anyRecord()].slice(-16) };
      case 'echoed':
        return { ...frame, seq: random.below(3) };
      default:
        return frame;
    }
  }

  private attest(frame: Frame): readonly Frame[] {
    if (frame.kind !== 'attest-me' && frame.kind !== 'reachable') return [frame];
    const { records, village, node } = this;
    const about = { node: this.anyNode(), endpoint: anyEndpoint(this.random) };
    const at = node.times().wall;
    const attestation = records.signAttestation({ ...about, at });
    const false1: Frame = { kind: 'attestation', attestation };
    // Who is malicious too gladly attests it.
    const friends = village.villains.filter((each) => each !== this);
    const proofs = friends.slice(0, 1).map((each) => each.vouch(node.id, about.endpoint, at));
    if (proofs.length === 0) return [frame, false1];
    const sealed = records.signReachable(about.endpoint, at, proofs);
    return [frame, false1, { kind: 'reachable', records: [sealed] }];
  }

  private vouch(node: string, endpoint: ReturnType<typeof anyEndpoint>, at: number): Sealed {
    return this.records.signAttestation({ node, endpoint, at });
  }

  private anyRecord(): Sealed {
    const { random, kept } = this;
    const old = kept[random.below(kept.length)];
    if (old === undefined) return random.bytes(200);
    return random.below(3) === 0 ? flipped(old, random) : old;
  }

  private anyNode(): string {
    const { persons } = this.village.people;
    return persons[this.random.below(persons.length)]?.id ?? '';
  }

  /** Floods and spoofs, as long as it is malicious. */
  private round(): void {
    const { village, node, tricks } = this;
    village.world.after(FLOOD_MS, () => {
      if (node.tamper !== this) return;
      this.round();
      if (!node.running) return;
      for (const other of [...node.hands.peers.keys()]) {
        if (tricks.has('flood')) this.flood(other);
        if (tricks.has('spoof')) this.spoof(other);
      }
    });
  }

  private flood(to: string): void {
    const { node, random } = this;
    const nodes = this.village.people.persons.map(({ id }) => id);
    for (let i = 0; i < FLOOD_FRAMES; i++) {
      const kind = random.below(4);
      if (kind === 0) node.hands.say(to, anyBytes(random));
      else if (kind === 1) {
        const all = [...node.brain.roster.statements()].map(({ bytes }) => bytes);
        const forged = flipped(all[random.below(all.length)] ?? random.bytes(9), random);
        this.say(to, { kind: 'statements', statements: [forged] });
      } else this.say(to, anyFrame(random, nodes));
    }
  }

  private say(to: string, frame: Frame): void {
    this.node.hands.act({ kind: 'frame', node: to, frame });
  }

  /** A packet from somebody else's address. */
  private spoof(to: string): void {
    const { node, village } = this;
    const other = this.anyNode();
    const from = node.brain.addressOf(other);
    const dest = node.brain.addressOf(to);
    if (other === node.id || from === undefined || dest === undefined) return;
    const text = village.checks.packet(other, to);
    node.inside(addressBytes(from), addressBytes(dest), text);
  }
}

const MUTE: ReadonlySet<Frame['kind']> = new Set([
  'found',
  'registered',
  'introduce',
  'opened',
  'echoed',
]);
