// What the agent is put together from: the parts that stand above all others, given to those that
// run a process with them.

import type { Log, RunningTunnel, TunnelSettings, UpParts } from './control/ports.js';
import { ConfigurationSocket } from './control/uapi.js';
import type { WgParts } from './control/wg.js';
import { Tunnel } from './tunnel.js';

const makeTunnel = (settings: TunnelSettings): Tunnel => new Tunnel(settings);

export const wgParts: WgParts = { makeTunnel };

export const agentParts: UpParts = { makeTunnel, serveConfiguration };

/** So that `wg show` works on the agent's interface too. The agent lives on without it. */
async function serveConfiguration(
  interfaceName: string,
  device: RunningTunnel,
  log: Log,
): Promise<() => Promise<void>> {
  const onRemoved = () => log('info', `${socket.path} was removed: \`wg\` no longer works here`);
  const socket = new ConfigurationSocket({ interfaceName, device, log, onRemoved });
  if (!(await socket.open(0))) {
    log('info', `${socket.path} is held by another process: \`wg\` shows that one's interface`);
  }
  return () => socket.stop();
}
