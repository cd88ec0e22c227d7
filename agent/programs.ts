// Argv to a command, or to the agent. What only one command needs is loaded by it.

import type { Programs } from './control/cli.js';

export const programs: Programs = {
  up: async (options) => {
    const { up } = await import('./control/up.js');
    const { agentParts } = await import('./agent.js');
    return up(options, agentParts);
  },
  wg: async ({ name, foreground }) => {
    if (foreground || process.env.WG_PROCESS_FOREGROUND === '1') {
      const { serveInterface } = await import('./control/wg.js');
      const { wgParts } = await import('./agent.js');
      return serveInterface(name, wgParts);
    }
    const { startBehind } = await import('./control/background.js');
    await startBehind(name);
    return 0;
  },
};
