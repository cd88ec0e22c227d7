// The member's side of the door. Whoever made a handshake with the door key stands on the porch for
// a short while and may say one thing:
//
//   show {statements, node, signature over the handshake hash}
//        ──▶ judged once ──▶ welcome {statements, reachable, observed}, or unwelcome {reason}
//
// What was answered is kept and said again where it got lost. A `bye` makes room for the next.

import type { Endpoint, Place } from '../bytes/address.js';
import type { Millis } from '../wireguard/effects.js';
import type { MeshEffect, PorchId, Times } from './effects.js';
import { SEALED_BYTES_MAX, STATEMENTS_MAX } from './fields.js';
import type { Frame, FrameOf, Sealed } from './frame.js';
import type { FrameReader } from './frames.js';
import type { Machine } from './machines.js';

export const PORCHES_MAX = 8; // as many as the device lets in
export const PORCH_MS = 10_000; // a newcomer has this long
export const ANSWERS_MAX = 10; // to one of them: a welcome is some ten datagrams
export const REACHABLE_MAX = 8; // records in a welcome: enough to find trackers by
const WELCOME_BYTES_MAX = 56_000; // statements; with the records less than what a frame may have

/** What became of what was shown. Reasons are codes of identity/reasons.ts. */
export type Judgement =
  | Readonly<{ welcome: readonly Uint8Array[] }>
  | Readonly<{ unwelcome: string }>;

export type PorchPorts = Readonly<{
  reader: () => FrameReader;
  /** Verifies, takes in, countersigns; see doorkeeper.ts. */
  judge: (
    show: FrameOf<'show'>,
    handshakeHash: Uint8Array,
    at: Times,
    out: MeshEffect[],
  ) => Judgement;
  /** Records of who is reachable by anybody, best first. */
  reachable: () => readonly Sealed[];
}>;

type Newcomer = {
  readonly hash: Uint8Array;
  readonly observed: Endpoint;
  readonly until: Millis;
  readonly reader: FrameReader;
  answer: Frame | undefined;
  answers: number;
};

export class Porch implements Machine {
  private readonly standing = new Map<PorchId, Newcomer>(); // oldest first

  constructor(private readonly ports: PorchPorts) {}

  /** Somebody came to the door. */
  onPorch(id: PorchId, hash: Uint8Array, from: Place, at: Times, out: MeshEffect[]): void {
    if (this.standing.size >= PORCHES_MAX && !this.standing.has(id)) {
      out.push({
        kind: 'porch-frame',
        porch: id,
        frame: { kind: 'unwelcome', reason: 'too-many' },
      });
      out.push({ kind: 'porch-close', porch: id });
      return;
    }
    this.standing.delete(id);
    this.standing.set(id, {
      hash: Uint8Array.from(hash),
      observed: from.endpoint,
      until: at.now + PORCH_MS,
      reader: this.ports.reader(),
      answer: undefined,
      answers: 0,
    });
  }

  onFrame(id: PorchId, bytes: Uint8Array, at: Times, out: MeshEffect[]): void {
    const porch = this.standing.get(id);
    const frame = porch?.reader.read(bytes, at.now);
    if (porch === undefined || frame === undefined) return;
    if (frame.kind === 'bye') this.close(id, out);
    if (frame.kind !== 'show' || porch.answers >= ANSWERS_MAX) return;
    porch.answers++;
    porch.answer ??= this.answer(porch, frame, at, out);
    out.push({ kind: 'porch-frame', porch: id, frame: porch.answer });
  }

  tick(at: Times, out: MeshEffect[]): void {
    for (const [id, { until }] of this.standing) {
      if (at.now < until) return;
      this.close(id, out);
    }
  }

  deadline(): Millis | undefined {
    for (const { until } of this.standing.values()) return until;
    return undefined;
  }

  private answer(porch: Newcomer, show: FrameOf<'show'>, at: Times, out: MeshEffect[]): Frame {
    const judged = this.ports.judge(show, porch.hash, at, out);
    if ('unwelcome' in judged) return { kind: 'unwelcome', reason: judged.unwelcome };
    const statements = fitting(judged.welcome, STATEMENTS_MAX, WELCOME_BYTES_MAX);
    const records = this.ports.reachable();
    const reachable = fitting(records, REACHABLE_MAX, REACHABLE_MAX * SEALED_BYTES_MAX);
    return { kind: 'welcome', statements, reachable, observed: porch.observed };
  }

  private close(id: PorchId, out: MeshEffect[]): void {
    this.standing.delete(id);
    out.push({ kind: 'porch-close', porch: id });
  }
}

/** The first so many that come to no more than so many bytes; what is left out is gossiped. */
function fitting(all: readonly Uint8Array[], count: number, bytes: number): Uint8Array[] {
  const taken: Uint8Array[] = [];
  let room = bytes;
  for (const one of all) {
    room -= one.length + 3;
    if (room < 0 || taken.length >= count) break;
    taken.push(one);
  }
  return taken;
}
