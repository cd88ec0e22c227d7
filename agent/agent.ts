// What the agent is put together from: the parts that stand above all others, given to those that
// run a process with them.

import type { RunningTunnel, TunnelSettings, UpParts } from './control/ports.js';
import { Tunnel } from './tunnel.js';

export function makeTunnel(settings: TunnelSettings): RunningTunnel {
  return new Tunnel(settings);
}

export const agentParts: UpParts = { makeTunnel };
