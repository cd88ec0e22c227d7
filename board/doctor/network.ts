// What the tunnel needs of the machine's network.

import { parsePrefix } from '../../agent/bytes/address.js';
import { overlaps } from '../../agent/config/prefixes.js';
import type { Facts } from './facts.js';
import { advice, type Finding, fine, missing } from './finding.js';
import { firewallVerdict } from './firewall.js';

export function networkChecks(facts: Facts): Finding[] {
  return [
    rights(facts),
    tun(facts),
    ip(facts),
    nft(facts),
    name(facts),
    port(facts),
    firewall(facts),
    uplink(facts),
    reach(facts),
    forwarding(facts),
    ...others(facts),
    ...serial(facts),
  ];
}

function rights({ mayConfigure }: Facts): Finding {
  if (mayConfigure) return fine('rights', 'network interfaces may be made');
  return missing(
    'rights',
    'this user may not make network interfaces',
    'the tunnel is one',
    'run it as root (sudo kith doctor); in a container give it --cap-add NET_ADMIN',
  );
}

function tun({ tun: code, board }: Facts): Finding {
  if (code === undefined) return fine('tun', '/dev/net/tun can be opened');
  const load =
    board.kind === 'openwrt' ? 'opkg install kmod-tun, or apk add kmod-tun' : 'modprobe tun';
  const fixes: Record<string, string> = {
    EACCES: 'run it as root',
    EPERM: 'run it as root; in a container allow it: --device /dev/net/tun',
  };
  return missing(
    'tun',
    `/dev/net/tun cannot be opened (${code})`,
    'packets come from there, and go there',
    fixes[code] ?? load,
  );
}

function ip({ tools, board }: Facts): Finding {
  if (/iproute2/.test(tools.ip)) return fine('ip', tools.ip.split('\n')[0] ?? '');
  return missing(
    'ip',
    tools.ip === '' ? 'the program `ip` is not there' : '`ip` is not that of iproute2',
    'addresses and routes are set by it, many at once',
    board.kind === 'openwrt'
      ? 'opkg install ip-full, or apk add ip-full'
      : 'apt-get install iproute2',
  );
}

function nft({ tools, board }: Facts): Finding {
  if (tools.nft !== '') return fine('nft', tools.nft.split('\n')[0] ?? '');
  return advice(
    'nft',
    'the program `nft` is not there',
    'without it there is no sharing of a LAN or of the uplink, and no kill switch',
    board.kind === 'openwrt'
      ? 'opkg install nftables, or apk add nftables'
      : 'apt-get install nftables',
  );
}

function name({ interfaces, wanted: { interfaceName, agentRuns } }: Facts): Finding {
  const taken = !agentRuns && interfaces.some((one) => one.name === interfaceName);
  if (!taken)
    return fine('interface', `the name ${interfaceName} is ${agentRuns ? 'ours' : 'free'}`);
  return missing(
    'interface',
    `there is an interface ${interfaceName} already`,
    'the tunnel would have the same name',
    'end what made it, or take another name: kith config set interface.name NAME',
  );
}

function port({ portError, wanted: { port: number, agentRuns } }: Facts): Finding {
  if (number === 0) return fine('port', 'any free UDP port is taken');
  if (portError === undefined)
    return fine('port', `UDP port ${number} is ${agentRuns ? 'ours' : 'free'}`);
  return missing(
    'port',
    `UDP port ${number} cannot be opened (${portError})`,
    portError === 'EADDRINUSE' ? 'another program has it' : 'the system does not allow it',
    `ss -ulpn 'sport = :${number}' may say by whom; kith config set listen.port PORT`,
  );
}

function firewall({
  rulesets,
  wanted: { port: number },
  board,
  tools,
  mayConfigure,
}: Facts): Finding {
  if (tools.nft === '' || !mayConfigure || number === 0)
    return fine('firewall', 'the firewall was not looked at');
  const chain = firewallVerdict(rulesets, number);
  if (chain === undefined) return fine('firewall', `no firewall keeps UDP port ${number} out`);
  return advice(
    'firewall',
    `the chain ${chain} lets nobody in at UDP port ${number}`,
    'others reach this node only where it has spoken first, or through a relay',
    board.kind === 'openwrt'
      ? 'kith up opens it by itself; see LuCI, Network, Firewall, Traffic Rules'
      : `ufw allow ${number}/udp, or a rule of yours: udp dport ${number} accept`,
  );
}

function uplink({ source }: Facts): Finding {
  if (source !== undefined) return fine('uplink', 'there is a route to the internet');
  return missing(
    'uplink',
    'there is no route to the internet',
    'no other home is reached',
    'connect the uplink; `ip route` must show a line `default via …`',
  );
}

const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'];

function reach({ reach: seen, source, wanted: { port: number } }: Facts): Finding {
  const fix =
    `in the router before this machine forward UDP port ${number} to it, or allow it UPnP; one ` +
    'node of a mesh that is reached is enough';
  if (seen !== null) {
    if (seen.alone) return fine('reach', 'this node is alone: nobody has tried to reach it');
    if (seen.reachable) return fine('reach', 'others reach this node from outside');
    const why = `NAT: ${seen.nat}; others meet it by hole punching or through a relay`;
    return advice('reach', 'nobody reaches this node from outside', why, fix);
  }
  if (source === undefined || !isWithin(source, PRIVATE))
    return fine('reach', source === undefined ? 'not known without an uplink' : 'a public address');
  const why = 'others reach it only by hole punching or through a relay';
  return advice('reach', 'this machine is behind a NAT', why, fix);
}

function forwarding({ look }: Facts): Finding {
  const off = (path: string) => look(`/proc/sys/net/${path}`)?.trim() === '0';
  if (!off('ipv4/ip_forward'))
    return fine('forwarding', 'packets are forwarded between interfaces');
  return advice(
    'forwarding',
    'this machine forwards no packets',
    'a LAN behind it, or its uplink, cannot be shared with the mesh; the tunnel itself works',
    'sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1',
  );
}

/** Tailscale's firewall drops 100.64.0.0/10 from every interface but its own. */
function others({ interfaces, wanted: { addresses, interfaceName } }: Facts): Finding[] {
  return interfaces.flatMap(({ name: other, type }): Finding[] => {
    if (other === interfaceName) return [];
    if (other.startsWith('tailscale') && addresses.some((one) => isWithin(one, ['100.64.0.0/10'])))
      return [
        missing(
          'conflict',
          `${other} claims 100.64.0.0/10, which this node's addresses are from`,
          "Tailscale's firewall drops what comes from there by another interface",
          'tailscale set --netfilter-mode=off, or end it: systemctl stop tailscaled',
        ),
      ];
    if (type === 'wireguard')
      return [
        advice(
          'conflict',
          `${other} is a WireGuard interface, too`,
          'two with routes to the same addresses take packets from one another',
          `wg show ${other}; \`kith import\` takes its configuration over`,
        ),
      ];
    return [];
  });
}

function serial({ wanted: { serialPort }, programs, board, look }: Facts): Finding[] {
  if (serialPort === null) return [];
  const port = serialPort.replace(/^\/dev\//, '');
  const console = new RegExp(`\\bconsole=${port}\\b`).test(look('/proc/cmdline') ?? '');
  const login =
    board.kind === 'openwrt'
      ? new RegExp(`^(${port}|)::ask`, 'm').test(look('/etc/inittab') ?? '') && console
      : programs.has('agetty') && console;
  if (!login) return [fine('serial', `${serialPort} is free for the console`)];
  return [
    advice(
      'serial',
      `${serialPort} has a login of the system's`,
      'it and the console of kith would take letters from one another',
      board.kind === 'openwrt'
        ? `put a # before the line of ${port} in /etc/inittab, and reboot`
        : `systemctl disable --now serial-getty@${port}`,
    ),
  ];
}

function isWithin(address: string, prefixes: readonly string[]): boolean {
  const host = parsePrefix(address.replace(/\/.*/, ''));
  return prefixes.some((text) => {
    const prefix = parsePrefix(text);
    return host !== undefined && prefix !== undefined && overlaps(prefix, host);
  });
}
