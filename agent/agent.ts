// What the agent is put together from: the parts that stand above all others, given to those that
// run a process with them.

import type { TunnelSettings, UpParts } from './control/ports.js';
import { serveBeside } from './control/uapi.js';
import type { WgParts } from './control/wg.js';
import { Tunnel } from './tunnel.js';

const makeTunnel = (settings: TunnelSettings): Tunnel => new Tunnel(settings);

export const wgParts: WgParts = { makeTunnel };

export const agentParts: UpParts = {
  makeTunnel,
  makeMesh: async (settings) => (await import('./meshnode.js')).makeMeshNode(settings),
  serveConfiguration: serveBeside,
};
