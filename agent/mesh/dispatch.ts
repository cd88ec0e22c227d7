// Which machine a control frame of a member is for.

import type { Place } from '../bytes/address.js';
import type { NodeId } from '../identity/member.js';
import type { MeshEffect, Times } from './effects.js';
import type { Frame } from './frame.js';
import type { Machines } from './house.js';

/** How it came: from where, and how long it was with its padding. */
export type Arrival = Readonly<{ from: Place; bytes: number }>;

export function dispatch(
  machines: Machines,
  node: NodeId,
  frame: Frame,
  { from, bytes }: Arrival,
  at: Times,
  out: MeshEffect[],
): void {
  const { paths, whereabouts, trackers, reach, channels, gossip, kem } = machines;
  switch (frame.kind) {
    case 'probe':
      paths.onProbe(node, frame, from, bytes, at, out);
      return;
    case 'probe-ack':
      if (from.channel === 0) whereabouts.onObserved(node, frame.observed, at, out);
      paths.onProbeAck(node, frame, from, at, out);
      return;
    case 'registered':
      if (from.channel === 0) whereabouts.onObserved(node, frame.observed, at, out);
      trackers.onFrame(node, frame, from, at, out);
      return;
    case 'introduce':
      machines.take(frame.chain, node, at, out);
      trackers.onFrame(node, frame, from, at, out);
      return;
    case 'register':
    case 'lookup':
    case 'found':
    case 'echo':
    case 'echoed':
    case 'unregister':
    case 'moved':
    case 'bye':
      trackers.onFrame(node, frame, from, at, out);
      return;
    case 'check':
    case 'knock-at':
    case 'attest-me':
    case 'attestation':
    case 'reachable':
    case 'ask-reachable':
      reach.onFrame(node, frame, at, out);
      return;
    case 'open':
    case 'opened':
    case 'refused':
    case 'offer':
    case 'close':
    case 'gone':
    case 'usage':
      channels.onFrame(node, frame, at, out);
      return;
    case 'ask-paths':
    case 'paths':
      machines.sights.onFrame(node, frame, at, out);
      return;
    case 'digest':
    case 'ranges':
    case 'fetch':
    case 'statements':
      gossip.onFrame(node, frame, at, out);
      return;
    case 'kem-key':
    case 'kem-box':
    case 'kem-done':
      kem.onFrame(node, frame, at, out);
      return;
    default: // show, welcome, unwelcome: said at the porch only
      return;
  }
}
