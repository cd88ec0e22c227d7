// Debian, Raspberry Pi OS, and what is built like them: systemd, and whichever firewall and
// resolver the owner has chosen. What is not there is not done.

import type { Board, Look } from './board.js';
import { isEverywhere, renderEverywhere } from './everywhere.js';
import type { Action, Rendered, Step } from './step.js';

export class Debian implements Board {
  readonly kind = 'debian';

  constructor(
    readonly model: string,
    readonly system: string,
  ) {}

  render(step: Step, look: Look): Rendered | undefined {
    if (isEverywhere(step)) return renderEverywhere(step, look);
    switch (step.kind) {
      case 'port':
        return renderPort(step.port, look);
      case 'dns':
        return renderDns(step.device, step.domain, step.port, look);
      case 'serial': {
        const getty = `serial-getty@${step.port.replace(/^\/dev\//, '')}.service`;
        return pair(['systemctl', 'stop', getty], ['systemctl', 'start', getty], 'run');
      }
      case 'service':
        return pair(
          ['systemctl', 'enable', '--now', step.name],
          ['systemctl', 'disable', '--now', step.name],
          'installed',
        );
      case 'interface': // systemd-networkd and NetworkManager leave a TUN to who made it
      case 'button':
      case 'setting':
        return undefined;
    }
  }
}

/**
 * Without ufw and firewalld nothing is in the way, or something of the owner's own, which is not
 * ours to change: `kith doctor` names it.
 */
function renderPort(port: number, look: Look): Rendered | undefined {
  if (/^ENABLED=yes/m.test(look('/etc/ufw/ufw.conf') ?? ''))
    return pair(
      ['ufw', 'allow', `${port}/udp`, 'comment', 'kith'],
      ['ufw', 'delete', 'allow', `${port}/udp`],
      'run',
    );
  if (look('/run/firewalld.pid') !== undefined)
    return pair(
      ['firewall-cmd', '--quiet', `--add-port=${port}/udp`],
      ['firewall-cmd', '--quiet', `--remove-port=${port}/udp`],
      'run',
    );
  return undefined;
}

/** `~`: this server is asked for the names below the domain, and for no others. */
function renderDns(device: string, domain: string, port: number, look: Look): Rendered | undefined {
  if (look('/run/systemd/resolve/stub-resolv.conf') === undefined) return undefined;
  return {
    apply: [
      { do: 'run', command: ['resolvectl', 'dns', device, `127.0.0.1:${port}`] },
      { do: 'run', command: ['resolvectl', 'domain', device, `~${domain}`] },
    ],
    undo: [{ do: 'run', command: ['resolvectl', 'revert', device] }],
    lasts: 'interface',
  };
}

function pair(
  apply: readonly string[],
  undo: readonly string[],
  lasts: Rendered['lasts'],
): Rendered {
  const run = (command: readonly string[]): Action => ({ do: 'run', command });
  return { apply: [run(apply)], undo: [run(undo)], lasts };
}
