// What one peer's paths want of others, once an event is dealt with.

import type { NodeId } from '../identity/member.js';

export type Wishes = {
  find: boolean; // ask its trackers where it is
  relay: boolean; // open a channel to it
  suspect: NodeId | null; // a relay through which nothing comes
  check: NodeId | null; // a relay that may know us elsewhere
};

export function noWishes(): Wishes {
  return { find: false, relay: false, suspect: null, check: null };
}
