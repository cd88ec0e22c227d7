// The process: argv to a command, or the agent. What only one command needs is loaded by it.

import './heap.js';
import type { Programs } from './control/cli.js';
import { runProcess } from './control/stdio.js';

const programs: Programs = {
  up: async (options) => {
    const [{ up }, { agentParts }] = await Promise.all([
      import('./control/up.js'),
      import('./agent.js'),
    ]);
    return up(options, agentParts);
  },
  wg: async () => 1,
};

process.exitCode = await runProcess(programs);
