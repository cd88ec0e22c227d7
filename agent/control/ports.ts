// What `kith up` needs of the parts that are put together above it (agent/agent.ts).

import type { MeshPath, MeshStatus, PathStatus } from '../commands/context.js';
import type { Config } from '../config/schema.js';
import type { RetainingLink } from '../discovery/mqtt.js';
import type { RosterChange } from '../identity/member.js';
import type { Roster } from '../identity/roster.js';
import type { Identity } from '../identity/seed.js';
import type { Configurable } from '../wireguard/configuration.js';

import type { Folder } from './folder.js';
import type { Believed } from './rosterfile.js';

export type Log = (level: 'error' | 'info' | 'verbose', line: string) => void;

export type TunnelSettings = Readonly<{
  interfaceName: string;
  mtu: number;
  cipher: Config['cipher'];
  workers: Config['dataplane']['workers'];
  offloads: Readonly<Record<'tunSegmentation' | 'udpSegmentation' | 'udpReceive', boolean>>;
  ceiling?: number | undefined; // what saveCeiling was last given
  saveCeiling: (seconds: number) => void;
  log: Log;
  onGone: () => void; // the interface was deleted by someone else
}>;

/** One WireGuard interface. Times and order: start, apply, setLink, …, stop. */
export interface RunningTunnel extends Configurable {
  /** Makes the interface. Rejects with an Error whose message is fit for a person. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** The interface is up; opens the UDP sockets. Throws DeviceError. */
  setLink(up: boolean, mtu: number): void;
  counters(): Readonly<{
    drops: Readonly<Record<string, number>>;
    handshakeDrops: Readonly<Record<string, number>>;
    engine: Readonly<{ name: string; reason: string; checked: number; alarms: number }>;
  }>;
}

/** The mesh of a running agent, as the membership tells it of changes. */
export interface LiveMesh {
  /** The node has come to belong to a mesh. */
  begin(): Promise<void>;
  /** The roster has these now, and they are to go out. */
  added(statements: readonly Uint8Array[], changes: readonly RosterChange[]): void;
  /** Where this node is reached, or members that anybody reaches; best first. */
  endpoints(): readonly Believed[];
}

/** How the running mesh reaches a member. */
export type MemberStatus = Readonly<{
  name: string;
  publicKey: string; // base64
  endpoint: string | null;
  path: PathStatus;
}>;

export type MeshSettings = Readonly<{
  tunnel: RunningTunnel;
  roster: Roster;
  believed: readonly Believed[];
  shares: readonly Uint8Array[];
  identity: Identity; // taken over
  config: () => Config; // as it is now
  folder: Folder;
  /** To the MQTT broker; undefined while there is none. */
  link: () => RetainingLink | undefined;
  /** The roster has changed: write it soon. */
  onRoster: () => void;
  log: Log;
}>;

/** A mesh that runs on a tunnel. */
export interface RunningMesh extends Omit<LiveMesh, 'begin'> {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** There is a link to an MQTT broker now. */
  linked(): void;
  /** The configuration has changed: what is live of it counts from now on. */
  reconfigured(): void;
  /** Ours in the mesh, with lengths. */
  addresses(): readonly string[];
  members(): readonly MemberStatus[];
  status(): MeshStatus;
  /** What members say of their paths; asks them. */
  paths(): Promise<readonly MeshPath[]>;
}

export type UpParts = Readonly<{
  makeTunnel(settings: TunnelSettings): RunningTunnel;
  /** A part that is loaded only where there is a mesh. */
  makeMesh(settings: MeshSettings): Promise<RunningMesh>;
  /** Serves the WireGuard configuration socket beside; resolves to what ends that. */
  serveConfiguration?(name: string, tunnel: RunningTunnel, log: Log): Promise<() => Promise<void>>;
}>;
