// OpenWrt 23.05 and later: netifd, firewall4, dnsmasq, procd, all driven by UCI. What kith adds are
// sections with names of their own, so that removing the package (openwrt/remove.sh) finds them,
// and a person sees in LuCI whose they are.

import type { Board, Look } from './board.js';
import { isEverywhere, renderEverywhere } from './everywhere.js';
import type { Action, Rendered, Step, UciSection } from './step.js';

export class OpenWrt implements Board {
  readonly kind = 'openwrt';

  constructor(
    readonly model: string,
    readonly system: string,
  ) {}

  render(step: Step, look: Look): Rendered | undefined {
    if (isEverywhere(step)) return renderEverywhere(step, look);
    switch (step.kind) {
      case 'port':
        return renderPort(step.device, step.port);
      case 'interface':
        return renderInterface(step.device);
      case 'dns':
        return renderDns(step.domain, step.port);
      case 'button':
        return installed([
          uci(`kith.${step.button}`, 'button', { does: step.does === 'nothing' ? '' : step.does }),
        ]);
      case 'setting': {
        const [file = '', section = '', option = ''] = step.key.split('.');
        return installed([uci(`${file}.${section}`, 'kith', { [option]: step.value })]);
      }
      case 'service':
        return {
          apply: [run(`/etc/init.d/${step.name}`, 'enable')],
          undo: [run(`/etc/init.d/${step.name}`, 'disable')],
          lasts: 'installed',
        };
      case 'serial':
        // A login there is a line of /etc/inittab, which is the owner's; `kith doctor` says so.
        return undefined;
    }
  }
}

const FIREWALL = ['/etc/init.d/firewall', 'reload'];
const DNSMASQ = ['/etc/init.d/dnsmasq', 'restart']; // a reload does not read `server` again

/**
 * A zone of the interface's own, with the LAN in both directions, and the port open to the
 * internet. The zone names the device, not the network: it holds from before the interface is up.
 */
function renderPort(device: string, port: number): Rendered {
  return installed([
    uci(
      'firewall.kith',
      'zone',
      {
        name: 'kith',
        device: [device],
        input: 'ACCEPT',
        output: 'ACCEPT',
        forward: 'ACCEPT',
        mtu_fix: '1',
      },
      FIREWALL,
    ),
    uci('firewall.kith_lan', 'forwarding', { src: 'kith', dest: 'lan' }, FIREWALL),
    uci('firewall.lan_kith', 'forwarding', { src: 'lan', dest: 'kith' }, FIREWALL),
    uci(
      'firewall.kith_port',
      'rule',
      {
        name: 'Allow-kith',
        src: 'wan',
        proto: 'udp',
        dest_port: `${port}`,
        target: 'ACCEPT',
      },
      FIREWALL,
    ),
  ]);
}

/** Shown by netifd and LuCI; `up` follows the agent by openwrt/kith.proto. */
function renderInterface(device: string): Rendered {
  const section = uci('network.kith', 'interface', { proto: 'kith', link: device }, [
    'ubus',
    'call',
    'network',
    'reload',
  ]);
  return {
    apply: [section, run('ubus', '-t', '5', 'call', 'network.interface.kith', 'up')],
    undo: [run('ubus', '-t', '5', 'call', 'network.interface.kith', 'down')],
    lasts: 'run',
  };
}

/** `rebind_domain`: else dnsmasq drops answers that name private addresses. */
function renderDns(domain: string, port: number): Rendered {
  const options = {
    server: [`/${domain}/127.0.0.1#${port}`],
    rebind_domain: [`/${domain}/`],
  };
  return installed([
    {
      do: 'uci',
      section: { path: 'dhcp.@dnsmasq[0]', type: 'dnsmasq', options, within: 'add' },
      after: DNSMASQ,
    },
  ]);
}

function installed(apply: readonly Extract<Action, { do: 'uci' }>[]): Rendered {
  const undo = apply.map(({ section, after }): Action => {
    const back: UciSection =
      section.within === 'add'
        ? { ...section, within: 'remove' }
        : { path: section.path, type: null, options: {} };
    return { do: 'uci', section: back, after };
  });
  return { apply, undo: undo.reverse(), lasts: 'installed' };
}

function uci(
  path: string,
  type: string,
  options: UciSection['options'],
  after: readonly string[] = [],
): Extract<Action, { do: 'uci' }> {
  return { do: 'uci', section: { path, type, options }, after };
}

function run(...command: string[]): Action {
  return { do: 'run', command };
}
