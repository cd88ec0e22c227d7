// What a command's handler may use, whoever gave the command and wherever it runs: inside the
// running agent, or in the command line's own process when no agent runs.

import type { Config } from '../config/schema.js';
import type { Changes } from './changes.js';
import type { MeshStore } from './meshstore.js';
import type { Publisher, Updates } from './updates.js';

/** Why there is no path to a peer, or why it is not a good one. */
export type PathReason = Readonly<{
  code: string; // for programs
  evidence: string; // what was seen
  advice: string; // what to do
}>;

export type PathStatus = Readonly<{
  class: 'direct' | 'relay' | 'none';
  via: string | null; // the relay's name
  rttMs: number | null;
  mtu: number | null;
  reason: PathReason | null;
}>;

export type PeerStatus = Readonly<{
  name: string;
  publicKey: string; // base64
  addresses: readonly string[]; // what is routed to it
  endpoint: string | null;
  path: PathStatus;
  lastHandshake: number | null; // Unix seconds
  rxBytes: number;
  txBytes: number;
}>;

export type EngineView = Readonly<{
  engine: string;
  reason: string;
  checked: number;
  alarms: number;
}>;

/** The mesh as this node sees it. */
export type MeshStatus = Readonly<{
  id: string; // the mesh key, base64url
  node: string; // this node's key, base64url
  members: number;
  trackers: readonly string[]; // names of those that serve this node
  reachable: boolean; // anybody reaches this node
  nat: string;
  tracked: number; // members that this node serves as a tracker
  relay: Readonly<{ circuits: number; givenBytes: number; takenBytes: number }>;
}>;

/** The link to the MQTT broker. */
export type MqttStatus = Readonly<{
  url: string | null; // null: the node's own broker
  connected: boolean;
  protocol: string | null; // `MQTT 5`, `MQTT 3.1.1`
  reason: string | null; // why it is not connected
}>;

/** `kith status --json`. */
export type Status = Readonly<{
  name: string;
  publicKey: string;
  interface: string;
  addresses: readonly string[];
  listen: Readonly<{ port: number }>;
  cipher: EngineView;
  uptime: number; // seconds
  memory: Readonly<{ rss: number }>; // bytes
  /** To the state folder since the start: flash wears out. */
  writes: Readonly<{ files: number; bytes: number }>;
  mqtt: MqttStatus | null; // null: it is off
  peers: readonly PeerStatus[];
  mesh: MeshStatus | null; // null: it belongs to none
  drops: Readonly<Record<string, number>>;
  version: string;
  pid: number;
}>;

/** A path between two members, as the first of them says. */
export type MeshPath = Readonly<{
  from: string;
  to: string;
  class: 'direct' | 'relay';
  via: string | null; // the relay's name
  rttMs: number | null;
}>;

/** The running agent as commands see it. */
export interface AgentView {
  status(): Status;
  /** Asks the members that are met, and takes up to a second; none where there is no mesh. */
  meshPaths?(): Promise<readonly MeshPath[]>;
}

/** What is known of newer versions. */
export type UpdateStatus = Readonly<{
  installed: string;
  latest: string; // the installed one where no newer is known
  summary: string | null; // one line for people
  url: string | null; // of the release notes
  progress: number | null; // per cent while one is being installed
}>;

export type LogLine = Readonly<{
  at: number; // Unix milliseconds
  level: 'error' | 'info' | 'verbose';
  line: string;
}>;

export type DashboardAccess = Readonly<{
  urls: readonly string[]; // the nearest first
  password: string; // for the asker alone
}>;

/** A key that belongs to a change of the configuration, written before it. */
export type KeyFile = Readonly<{ name: string; key: string }>; // file in the state folder, base64

/** What a change of the configuration came to. */
export type Outcome = Readonly<{
  config: Config;
  /** Paths that only a restart brings about; always empty where no agent runs. */
  restart: readonly string[];
}>;

/**
 * The configuration of this node. Throws Failure with all problems, and then nothing has changed.
 */
export interface Store {
  /** Told of another name of this node before it is written; throws Failure where it may not be. */
  onName?: ((name: string) => void) | undefined;
  read(): Config;
  /** What `update` would come to, with nothing changed. */
  check(change: (config: Config) => Config): Config;
  /** Validates, applies to the running agent, writes. `change` may be called more than once. */
  update(change: (config: Config) => Config, keys?: readonly KeyFile[]): Promise<Outcome>;
  /** The configuration before the last change; undefined where there was none. */
  previous(): Config | undefined;
  /** This node's WireGuard public key, base64. */
  publicKey(): string;
}

export interface Context {
  readonly statePath: string;
  readonly store: Store;
  readonly mesh: MeshStore;
  /** Null where this is not the agent's own process. */
  readonly agent: AgentView | null;
  /** Changes that wait to be confirmed; null where this is not the agent's own process. */
  readonly changes?: Changes | null;
  /** Null where this agent cannot be replaced; absent where this is not its own process. */
  readonly update?: Updates | null;
  /** Absent where this is not the command line's own process. */
  readonly publisher?: Publisher | undefined;
  /** What the running agent logged last, oldest first; absent where this is not its process. */
  readonly log?: (() => readonly LogLine[]) | undefined;
  /** Null while the dashboard is off; absent where this is not the agent's own process. */
  readonly dashboard?: (() => DashboardAccess | null) | undefined;
  /** An agent runs on this state folder, here or in another process. */
  readonly agentRuns: boolean;
  /** The address that this machine's datagrams leave from, as a guess of where it is reached. */
  guessAddress(): Promise<string | undefined>;
  random(bytes: number): Uint8Array;
  /** A remark beside the result: standard error on the command line. */
  note(line: string): void;
}
