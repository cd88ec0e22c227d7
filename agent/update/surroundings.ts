// The agent around the updates, as far as they need it.

import type { ArchiveFolder } from './archive.js';
import type { Settings, UpdateEvent } from './effects.js';
import type { Memory } from './policy.js';
import type { Slots } from './slots.js';
import type { Neighbour } from './sources.js';

export type Surroundings = Readonly<{
  slots: Slots;
  archives: ArchiveFolder;
  settings: () => Settings & Readonly<{ url: string | null; share: boolean }>;
  /** Members of the mesh but this one; those with a path first. */
  neighbours: () => readonly Neighbour[];
  memberAt: (address: string) => string | undefined;
  /** Ours in the overlay, IPv6; undefined where there is no mesh. */
  address: () => string | undefined;
  /** What is wrong with this agent; undefined: it is well. */
  ill: () => string | undefined;
  /** A WireGuard peer that is no member has shaken hands since this time (Unix ms); its name. */
  peerSince: (wall: number) => string | undefined;
  memory: Memory;
  remember: (memory: Memory) => void;
  /** The configuration as it is now is kept for the release before; and that is over. */
  keepConfig: () => void;
  dropKept: () => void;
  onEvent: (event: UpdateEvent, line: string) => void;
  log: (line: string) => void;
  servicePort?: number; // a test has its own
}>;
