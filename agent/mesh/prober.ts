// Sends probes to one peer and answers its probes, within what an unproven place may be sent.

import type { Place } from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { Millis } from '../wireguard/effects.js';
import type { MeshEffect } from './effects.js';
import type { FrameOf } from './frame.js';
import { onSizeProven } from './mtu.js';
import type { Route } from './route.js';
import { type Asked, Tokens } from './tokens.js';

/** Inside the tunnel. Long enough that three times it is an answer and a probe of our own. */
export const PROBE_PAD = 64;
export const TUNNEL_BYTES = 32; // header and tag of a transport message
const ANSWER_BYTES = 96; // the longest: with an IPv6 endpoint, as a whole datagram

const AGAIN_MS = 20; // one event may give several reasons to probe
const ANSWERS_PER_SECOND = 64; // 16 candidates from each of four places; a flood gets no more

export class Prober {
  private readonly tokens: Tokens;
  private answers = 0; // in the second that began at `secondAt`
  private secondAt: Millis = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly node: NodeId,
    random: (bytes: number) => Uint8Array,
  ) {
    this.tokens = new Tokens(random);
  }

  /** Returns false where the place has had its share. `pad`: bytes inside the tunnel. */
  probe(route: Route, now: Millis, out: MeshEffect[], pad = PROBE_PAD): boolean {
    if (pad === PROBE_PAD && now - route.probedAt < AGAIN_MS) return true; // it is on its way
    if (!route.allows(pad + TUNNEL_BYTES)) return false;
    const token = this.tokens.issue(route, pad, now);
    route.onSent(pad + TUNNEL_BYTES, now);
    const frame = { kind: 'probe', token } as const;
    out.push({ kind: 'frame', node: this.node, frame, at: route.place, pad });
    return true;
  }

  /** `route`: the way it came, where that is known; a channel may be too new for us to know it. */
  answer(
    frame: FrameOf<'probe'>,
    from: Place,
    bytes: number,
    route: Route | undefined,
    now: Millis,
    out: MeshEffect[],
  ): void {
    if (now - this.secondAt >= 1_000) {
      this.secondAt = now;
      this.answers = 0;
    }
    if (++this.answers > ANSWERS_PER_SECOND) return;
    if (route !== undefined) {
      if (!route.proven) route.receivedBytes += bytes + TUNNEL_BYTES;
      if (!route.allows(ANSWER_BYTES)) return;
      if (!route.proven) route.sentBytes += ANSWER_BYTES;
    }
    const { token } = frame;
    const ack = { kind: 'probe-ack', token, observed: from.endpoint, bytes } as const;
    out.push({ kind: 'frame', node: this.node, frame: ack, at: from });
  }

  /** The route that it proves, with its RTT and size taken down; undefined: it proves nothing. */
  redeem(frame: FrameOf<'probe-ack'>, from: Place, now: Millis): Asked | undefined {
    const asked = this.tokens.redeem(frame.token, now);
    if (asked === undefined) return undefined;
    asked.route.prove(now, now - asked.sentAt, from);
    onSizeProven(asked.route, Math.min(asked.bytes, frame.bytes));
    return asked;
  }

  clear(): void {
    this.tokens.clear();
  }
}
