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
  lab: async (command, given, json, { out, error, view }) => {
    const { lab } = await import('./control/lab/lab.js');
    const { realpathSync } = await import('node:fs');
    const script = realpathSync(process.argv[1] ?? '');
    const kith = [process.execPath, ...process.execArgv, script];
    return lab(command, given as Parameters<typeof lab>[1], { kith, json, out, error, view });
  },
  flash: async () => {
    const { FLASH_COMMANDS, flash } = await import('../flash/main.js');
    return {
      commands: FLASH_COMMANDS,
      run: (command, given, { json, statePath, console }) => {
        const { out, error, readInput, view } = console;
        const { terminal, columns } = view;
        return flash(command, given, { json, statePath, out, error, readInput, terminal, columns });
      },
    };
  },
};
