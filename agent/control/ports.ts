// What `kith up` needs of the parts that are put together above it (agent/agent.ts).

import type { Config } from '../config/schema.js';
import type { Configurable } from '../wireguard/configuration.js';

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

export type UpParts = Readonly<{
  makeTunnel(settings: TunnelSettings): RunningTunnel;
  /** Serves the WireGuard configuration socket beside; resolves to what ends that. */
  serveConfiguration?(name: string, tunnel: RunningTunnel, log: Log): Promise<() => Promise<void>>;
}>;
