// What goes into the machine of updates, and what comes out.

import type { SignedManifest, Target } from './manifest.js';
import type { Memory } from './policy.js';
import type { Installed, Start } from './slots.js';

/** Milliseconds since the agent's start; minutes since midnight on this machine's clock. */
export type Moment = Readonly<{ now: number; minute: number }>;

export type Settings = Readonly<{
  keys: readonly string[]; // publishers, base64
  channel: string;
  automatic: 'off' | 'download' | 'apply';
  after: string | null;
  window: string | null;
  trialSeconds: number;
}>;

/** What the machine begins with. */
export type Found = Readonly<{
  installed: Installed;
  previous: string | undefined;
  start: Start;
  memory: Memory;
  newest: SignedManifest | undefined; // the manifest in the memory, if its key still counts
}>;

export type Effect = Readonly<
  | { do: 'look' } // for announcements; ends in `onLooked`
  | { do: 'fetch'; manifest: SignedManifest; target: Target } // ends in `onFetched`
  | { do: 'stop-fetching' }
  | { do: 'install'; version: string; target: Target } // ends in `onInstalled`
  /** Arms the release and restarts; ends in `onSwitchFailed`, or with this process. */
  | { do: 'switch'; version: string; seconds: number }
  | { do: 'keep' }
  | { do: 'give-up' } // and restart
  | { do: 'settle' }
  | { do: 'examine' } // is all well? Ends in `onHealth`
  | { do: 'knock' } // ask others to reach us; they come in as `onReached`
  | { do: 'ask'; member: string } // which release it runs; ends in `onMember`
  | { do: 'remember'; memory: Memory }
  | { do: 'say'; event: UpdateEvent; line: string }
>;

export type UpdateEvent =
  | 'announced'
  | 'refused'
  | 'downloaded'
  | 'failed'
  | 'on-trial'
  | 'confirmed'
  | 'rolled-back';

/** What another member says of itself. */
export type MemberRelease = Readonly<{ version: string; confirmed: boolean }>;

export type State =
  | 'idle'
  | 'announced'
  | 'downloading'
  | 'waiting' // it lies here, and something is to come first
  | 'ready' // it lies here, for the owner to apply
  | 'installing'
  | 'trial'
  | 'rolled-back';

/** How updates stand, for people. */
export type UpdateView = Readonly<{
  installed: string;
  latest: string | null;
  state: State | 'off';
  progress: number | null; // percent
  notes: string;
  reason: string | null; // why it waits, or what went wrong
  automatic: Settings['automatic'];
  trialEnds: number | null; // Unix seconds
}>;
