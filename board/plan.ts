// What the agent does to a machine besides its interface, as steps.

import type { Step } from './step.js';

export type Wishes = Readonly<{
  device: string; // the tunnel's interface
  port: number; // UDP; 0: not known before it is open
  firewall: boolean; // the system's may be changed
  led: string | null;
}>;

/** The interface is up by then. */
export function planSteps({ device, port, firewall, led }: Wishes): Step[] {
  return [
    { kind: 'interface', device },
    ...(firewall && port !== 0 ? [{ kind: 'port', device, port } as const] : []),
    ...(led === null ? [] : [{ kind: 'led', led, shows: 'blink' } as const]),
  ];
}
