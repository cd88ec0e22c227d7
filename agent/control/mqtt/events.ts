// What has just happened, for whoever wants to be told of it once: an automation that rings when a
// home has gone. Not retained: a broker would tell it again and again. What happens to peers is
// found by looking at them; others say themselves what has happened to them.

import type { PeerStatus, Status } from '../../commands/context.js';

export const EVENT_TYPES = [
  'peer_joined',
  'peer_left',
  'peer_connected',
  'peer_disconnected',
  'path_changed',
  'cipher_alarm',
  'update_announced',
  'update_downloaded',
  'update_on_trial',
  'update_confirmed',
  'update_rolled_back',
  'update_failed',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** One look tells so many; when the uplink breaks under thousands of peers, the totals say it. */
export const EVENTS_MAX = 16;

/** `event_type` is the key that Home Assistant wants; the rest become attributes there. */
export type NodeEvent = Readonly<{
  event_type: EventType;
  peer?: string;
  path?: PeerStatus['path']['class'];
  via?: string | null; // the relay's name
  alarms?: number;
  text?: string; // a line for people
}>;

type Seen = Readonly<{ name: string; path: PeerStatus['path']['class']; via: string | null }>;

export class Events {
  private before: Readonly<{ alarms: number; peers: ReadonlyMap<string, Seen> }> | undefined;

  /** Since the last call; the first one has nothing to compare with. */
  since({ cipher, peers }: Status): NodeEvent[] {
    const { before } = this;
    const now = new Map(peers.map((peer) => [peer.publicKey, seen(peer, before?.peers)]));
    this.before = { alarms: cipher.alarms, peers: now };
    if (!before) return [];
    const events: NodeEvent[] = [];
    if (cipher.alarms > before.alarms)
      events.push({ event_type: 'cipher_alarm', alarms: cipher.alarms });
    for (const [key, peer] of now) {
      const change = changeOf(before.peers.get(key), peer);
      if (change) events.push({ event_type: change, peer: peer.name, ...where(peer) });
    }
    for (const [key, { name }] of before.peers)
      if (!now.has(key)) events.push({ event_type: 'peer_left', peer: name });
    return events.slice(0, EVENTS_MAX);
  }
}

/** A peer that only has nothing to say is where it was: sleep is no event. */
function seen({ publicKey, name, path }: PeerStatus, before?: ReadonlyMap<string, Seen>): Seen {
  const old = before?.get(publicKey);
  if (old && path.class === 'none' && path.reason?.code === 'idle') return { ...old, name };
  return { name, path: path.class, via: path.via };
}

function changeOf(old: Seen | undefined, now: Seen): NodeEvent['event_type'] | undefined {
  if (!old) return 'peer_joined';
  if (old.path === now.path && old.via === now.via) return undefined;
  if (now.path === 'none') return 'peer_disconnected';
  return old.path === 'none' ? 'peer_connected' : 'path_changed';
}

function where({ path, via }: Seen): Pick<NodeEvent, 'path' | 'via'> {
  return path === 'none' ? {} : { path, via };
}
