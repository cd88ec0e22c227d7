// What others see: a member tells another that asks which paths of its own it has, so that a person
// may look at the mesh as a whole. Nobody is asked while nobody looks, and no endpoint is told.
//
//    look ─▶ ask-paths, to the members met ─▶ paths ─▶ kept for half a minute
//
// It is their word, for the eye alone: nothing here decides anything by it.

import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import type { MeshEffect, Times } from './effects.js';
import { SEEN_PATHS_MAX } from './fields.js';
import type { FrameOf, SeenPath } from './frame.js';
import type { PathView } from './machines.js';

/** More cannot be drawn, and each answer has up to four chunks. */
export const ASKED_MAX = 64;
/** A page looks every few seconds; several pages are one look. */
export const ASK_GAP_MS = 3_000;
/** Whoever asks more often has no person behind it. */
export const ANSWER_GAP_MS = 1_000;
/** What was said longer ago is not shown any more. */
export const SIGHT_MS = 30_000;

const RTT_STEP_MS = 0.1; // as it is sent: 0 is not measured

export type Sight = Readonly<{
  from: NodeId;
  to: NodeId;
  via: NodeId | null;
  rttMs: number | null;
}>;

export type SightsOptions = Readonly<{
  met: () => Iterable<NodeId>;
  path: (node: NodeId) => PathView;
}>;

export class Sights {
  private readonly asked = new Map<NodeId, Millis>();
  private readonly answered = new Map<NodeId, Millis>();
  private readonly said = new Map<NodeId, Readonly<{ at: Millis; paths: readonly SeenPath[] }>>();

  constructor(private readonly options: SightsOptions) {}

  /** Somebody looks: asks those that were not asked just now. */
  look(at: Times, out: MeshEffect[]): void {
    this.expire(at.now);
    for (const node of this.options.met()) {
      if (this.asked.size >= ASKED_MAX && !this.asked.has(node)) break;
      if (at.now - (this.asked.get(node) ?? Number.NEGATIVE_INFINITY) < ASK_GAP_MS) continue;
      this.asked.set(node, at.now);
      out.push({ kind: 'frame', node, frame: { kind: 'ask-paths' } });
    }
  }

  onFrame(node: NodeId, frame: FrameOf<'ask-paths' | 'paths'>, at: Times, out: MeshEffect[]): void {
    if (frame.kind === 'ask-paths') this.answer(node, at, out);
    // What nobody asked for would be memory of theirs.
    else if (this.asked.has(node)) this.said.set(node, { at: at.now, paths: frame.paths });
  }

  forget(node: NodeId): void {
    for (const map of [this.asked, this.answered, this.said]) map.delete(node);
  }

  /** Of those who were asked at the last look, how many have not answered yet. */
  awaited(now: Millis): number {
    let count = 0;
    for (const [node, askedAt] of this.asked)
      if (
        now - askedAt < ASK_GAP_MS &&
        (this.said.get(node)?.at ?? Number.NEGATIVE_INFINITY) < askedAt
      )
        count++;
    return count;
  }

  /** What was said lately. */
  view(now: Millis): Sight[] {
    this.expire(now);
    return [...this.said].flatMap(([from, { paths }]) =>
      paths.map(({ node, via, rtt }) => ({
        from,
        to: node,
        via,
        rttMs: rtt === 0 ? null : Math.round(rtt * RTT_STEP_MS * 10) / 10,
      })),
    );
  }

  private answer(node: NodeId, { now }: Times, out: MeshEffect[]): void {
    if (now - (this.answered.get(node) ?? Number.NEGATIVE_INFINITY) < ANSWER_GAP_MS) return;
    for (const [old, at] of this.answered) if (now - at >= ANSWER_GAP_MS) this.answered.delete(old);
    this.answered.set(node, now);
    const paths: SeenPath[] = [];
    for (const other of this.options.met()) {
      if (paths.length >= SEEN_PATHS_MAX) break;
      const { class: kind, via, rttMs } = this.options.path(other);
      if (other === node || kind === 'none' || (kind === 'relay' && via === null)) continue;
      const rtt = rttMs === null ? 0 : Math.min(0xffff_ffff, Math.max(1, rttMs / RTT_STEP_MS));
      paths.push({ node: other, via: kind === 'relay' ? via : null, rtt: Math.round(rtt) });
    }
    out.push({ kind: 'frame', node, frame: { kind: 'paths', paths } });
  }

  private expire(now: Millis): void {
    for (const [node, at] of this.asked) if (now - at >= SIGHT_MS) this.asked.delete(node);
    for (const [node, { at }] of this.said) if (now - at >= SIGHT_MS) this.said.delete(node);
  }
}
